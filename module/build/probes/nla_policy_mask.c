// SPDX-License-Identifier: GPL-2.0
/* NLA_POLICY_MASK() (5.10) */
#include <net/netlink.h>

struct nla_policy probe = NLA_POLICY_MASK(NLA_U32, 7);
