"""Runs Synapse so that it reports its use seconds after its start, not five minutes: for that there is no setting.

It is run by the Python of Synapse's own environment, in place of its program.
"""

from __future__ import annotations

from synapse.app import homeserver, phone_stats_home
from synapse.util.duration import Duration

phone_stats_home.INITIAL_DELAY_BEFORE_FIRST_PHONE_HOME = Duration(seconds=1)
# More often, and four weeks of the demo would pass the sixty reports a minute that an address may send.
phone_stats_home.PHONE_HOME_INTERVAL = Duration(milliseconds=400)

if __name__ == "__main__":
    homeserver.main()
