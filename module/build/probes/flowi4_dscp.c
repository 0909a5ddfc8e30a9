// SPDX-License-Identifier: GPL-2.0
/* struct flowi4 has a DSCP and no TOS (6.18) */
#include <net/flow.h>

void probe(struct flowi4 *fl)
{
	fl->flowi4_dscp = 0;
}
