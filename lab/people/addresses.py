"""Where the stand-ins answer, and the names and keys that FoodConnect's staging has there. None of them is a secret."""

from __future__ import annotations

SNS_KEY = "5f00d0000000000000000000000c10d0"  # PagerDuty's integration for CloudWatch, subscribed to the alerts
EVENTS_KEY = "5f00d0000000000000000000000e0e02"  # PagerDuty's integration for the Events API v2
SERVICE_ID, SERVICE_NAME = "PFOODC0", "FoodConnect backend"
POLICY_ID, POLICY_NAME = "PESCAL0", "FoodConnect on-call"
SCHEDULE_ID = "PSCHED0"
USERS = (  # id, name, e-mail address; the first is on call
    ("PUSER01", "Robin Falk", "robin.falk@foodconnect.example"),
    ("PUSER02", "Kim Osei", "kim.osei@foodconnect.example"),
)
TEAM = "T0FOODCON"  # Slack's workspace
BOT_USER = "U0GAMEDAY"
WEBHOOK_PATH = f"services/{TEAM}/B0INCIDEN/lab"
CHANNELS = ("incidents", "game-day")
INCIDENTS_CHANNEL = "incidents"
PAGE_ID, PAGE_NAME = "foodconnect", "FoodConnect"
COMPONENTS = (("cmpapi", "Backend API"), ("cmpdb", "Database"), ("cmpweb", "Website"))  # id, name
BACKEND_COMPONENT = "cmpapi"
API_TOKEN = "lab"  # what the bridge shows to PagerDuty and Statuspage; any other is taken too
SLACK_TOKEN = "xoxb-lab"


def base(port: int) -> str:
    """Return where the stand-ins answer."""
    return f"http://127.0.0.1:{port}"


def integration_url(port: int) -> str:
    """Return PagerDuty's integration for SNS."""
    return f"{base(port)}/pagerduty/integration/{SNS_KEY}/enqueue"


def webhook_url(port: int) -> str:
    """Return Slack's incoming webhook of #incidents."""
    return f"{base(port)}/slack/{WEBHOOK_PATH}"
