"""FoodConnect's tables, and the users and posts a new lab starts with."""

from __future__ import annotations

import hashlib
import os

import psycopg

APP_USER = "foodconnect"  # no superuser: the server's reserved connections stay with whoever repairs it
DATABASE = "foodconnect"
USERS = 50
POSTS = 2000
ROUNDS = 1000  # of PBKDF2: cheap on purpose, the lab measures failures and not hashing

TABLES = """
create table users(
    id bigserial primary key,
    email text unique not null,
    password_hash bytea not null,
    salt bytea not null);
create table posts(
    id bigserial primary key,
    idempotency_key text unique not null,
    author bigint not null,
    title text not null,
    body text not null,
    created timestamptz not null default now());
create index posts_by_author on posts(author, id desc);
create index posts_by_title on posts(title);
"""
SEEDED_POSTS = """
insert into posts(idempotency_key, author, title, body)
select 'seed-' || n, 1 + mod(n, %s), 'post ' || n, repeat('tasty ', 20) from generate_series(1, %s) n
"""


def password_hash(password: str, salt: bytes) -> bytes:
    """Return the 32 bytes that are stored for a password."""
    return hashlib.pbkdf2_hmac("sha256", password.encode(), salt, ROUNDS)


def seed(superuser: psycopg.Connection[tuple[object, ...]], url: str) -> None:
    """Create the application's role and database, then its tables with 50 users and 2,000 posts.

    `superuser` is an autocommit connection to `template1` of the same, new server that `url` (as the application)
    leads to. The users are user0@foodconnect.test to user49@foodconnect.test with the passwords pw0 to pw49.
    """
    superuser.execute(f"create role {APP_USER} login")
    superuser.execute(f"alter database postgres rename to {DATABASE}")  # creating one would write 7 MB twice
    superuser.execute(f"alter database {DATABASE} owner to {APP_USER}")
    with psycopg.connect(url, sslmode="disable") as connection, connection.cursor() as cursor:
        cursor.execute(TABLES)
        salts = [os.urandom(16) for _ in range(USERS)]
        cursor.executemany(
            "insert into users(email, password_hash, salt) values (%s, %s, %s)",
            [(f"user{n}@foodconnect.test", password_hash(f"pw{n}", salt), salt) for n, salt in enumerate(salts)],
        )
        cursor.execute(SEEDED_POSTS, (USERS, POSTS))
        cursor.execute("analyze users, posts")
