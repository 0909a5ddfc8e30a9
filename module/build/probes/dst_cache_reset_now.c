// SPDX-License-Identifier: GPL-2.0
/* dst_cache_reset_now() (5.16, and stable trees) */
#include <net/dst_cache.h>

void probe(struct dst_cache *cache)
{
	dst_cache_reset_now(cache);
}
