"""The SDK by the name that it had at first, which Cloudflare keeps for the oldest Python Workers.

The folder around it is no package, so that an installed package or a Worker's folder `cloudflare` comes before it.
"""

import sys

import workers

sys.modules[__name__] = workers
