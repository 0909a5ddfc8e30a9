// SPDX-License-Identifier: GPL-2.0
/* flowi4_to_flowi_common() (5.11, and stable trees) */
#include <net/flow.h>

struct flowi_common *probe(struct flowi4 *fl)
{
	return flowi4_to_flowi_common(fl);
}
