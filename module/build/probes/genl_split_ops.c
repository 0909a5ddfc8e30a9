// SPDX-License-Identifier: GPL-2.0
/* generic netlink families with split operations (6.2) */
#include <net/genetlink.h>

static const struct genl_split_ops ops[1];
struct genl_family probe = { .split_ops = ops, .n_split_ops = 1 };
