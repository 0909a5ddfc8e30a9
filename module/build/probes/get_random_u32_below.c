// SPDX-License-Identifier: GPL-2.0
/* get_random_u32_below() (6.2, and stable trees) */
#include <linux/random.h>

unsigned int probe(void)
{
	return get_random_u32_below(5);
}
