// SPDX-License-Identifier: GPL-2.0
/* The positive control: all headers that the probes use. It must compile, or no answer counts. */
#include <linux/module.h>
#include <linux/icmpv6.h>
#include <linux/netdevice.h>
#include <linux/notifier.h>
#include <linux/random.h>
#include <linux/skbuff.h>
#include <linux/slab.h>
#include <linux/timer.h>
#include <linux/workqueue.h>
#include <net/dst_cache.h>
#include <net/flow.h>
#include <net/genetlink.h>
#include <net/icmp.h>
#include <net/ip_tunnels.h>
#include <net/net_namespace.h>
#include <net/netlink.h>
#include <net/rtnetlink.h>
#include <net/sock.h>
#include <net/udp_tunnel.h>
MODULE_DESCRIPTION("positive control of the probes");
MODULE_LICENSE("GPL");
