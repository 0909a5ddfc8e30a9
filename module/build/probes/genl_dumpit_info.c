// SPDX-License-Identifier: GPL-2.0
/* genl_dumpit_info() (5.5) */
#include <net/genetlink.h>

const struct genl_dumpit_info *probe(struct netlink_callback *cb)
{
	return genl_dumpit_info(cb);
}
