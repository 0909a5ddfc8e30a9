// SPDX-License-Identifier: GPL-2.0
/* kfree_sensitive() in the place of kzfree() (5.9) */
#include <linux/slab.h>

void probe(void *p)
{
	kfree_sensitive(p);
}
