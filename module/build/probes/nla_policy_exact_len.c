// SPDX-License-Identifier: GPL-2.0
/* NLA_POLICY_EXACT_LEN() (5.8) */
#include <net/netlink.h>

struct nla_policy probe = NLA_POLICY_EXACT_LEN(32);
