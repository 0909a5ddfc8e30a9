/* SPDX-License-Identifier: GPL-2.0 */
/* What bindgen reads: the target's own layouts and our border (module/build/bindings.allow). */
#include "probes.h"
#include <linux/kconfig.h>
#include <linux/module.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include <net/netlink.h>
#include "wg.h"
