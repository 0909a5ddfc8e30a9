// SPDX-License-Identifier: GPL-2.0
/* genl_family.resv_start_op (6.1) */
#include <net/genetlink.h>

struct genl_family probe = { .resv_start_op = 2 };
