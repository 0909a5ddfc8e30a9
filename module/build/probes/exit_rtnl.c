// SPDX-License-Identifier: GPL-2.0
/* pernet_operations.exit_rtnl() (6.16) */
#include <net/net_namespace.h>

static void exit_rtnl(struct net *net, struct list_head *list)
{
}

struct pernet_operations probe = { .exit_rtnl = exit_rtnl };
