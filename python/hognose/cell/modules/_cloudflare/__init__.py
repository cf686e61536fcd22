"""What Cloudflare's SDK looks for in its runtime. hognose reseeds its isolates after the fork, so entropy is allowed
everywhere and the functions that would guard it do nothing; patches of imports work as they do upstream."""
