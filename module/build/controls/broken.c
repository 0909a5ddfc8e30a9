// SPDX-License-Identifier: GPL-2.0
/* The negative control: no kernel has this header, so a compiler that takes it answers yes to anything. */
#include <linux/wireguard-no-such-header.h>
