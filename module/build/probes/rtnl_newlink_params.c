// SPDX-License-Identifier: GPL-2.0
/* rtnl_link_ops.newlink() takes its parameters in a struct (6.15) */
#include <net/rtnetlink.h>

static int newlink(struct net_device *dev, struct rtnl_newlink_params *params,
		   struct netlink_ext_ack *extack)
{
	return !rtnl_newlink_link_net(params);
}

struct rtnl_link_ops probe = { .newlink = newlink };
