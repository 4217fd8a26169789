"""Tells people: Slack, PagerDuty, a status page, a webhook, an SNS topic.

`channels_of` reads what an environment names, `send` says one message everywhere, `Notifier` says those of one run and
keeps its thread. A channel that fails never fails the run: each delivery says whether it came through, and why not.
"""

from gameday.notify.channels import Channels as Channels
from gameday.notify.channels import channels_of as channels_of
from gameday.notify.message import Delivery as Delivery
from gameday.notify.message import Message as Message
from gameday.notify.notifier import Notifier as Notifier
from gameday.notify.sending import check as check
from gameday.notify.sending import send as send
