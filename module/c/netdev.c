// SPDX-License-Identifier: GPL-2.0
/*
 * The net_device: what it is made of, its operations table, its rtnl kind, its NAPI instances, and
 * the end of the namespace that it was created in.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt
#include "probes.h"
#include <linux/if_arp.h>
#include <linux/inetdevice.h>
#include <linux/mm.h>
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <linux/slab.h>
#include <linux/udp.h>
#include <net/addrconf.h>
#include <net/ip_tunnels.h>
#include <net/net_namespace.h>
#include <net/netns/generic.h>
#include <net/rtnetlink.h>
#include "netdev.h"
#include "wg.h"

/* Outer IPv6 and UDP, data header and tag: what a packet grows by at most. */
#define WG_OVERHEAD (sizeof(struct ipv6hdr) + sizeof(struct udphdr) + WG_DATA_HEADER + WG_TAG)
#define WG_PADDING 16

/* All devices, under rtnl: a namespace that ends looks for those it created. */
static LIST_HEAD(wg_devices);

/* NAPI of one device on one CPU. */
struct wg_napi {
	struct napi_struct napi;
	void *ctx;
	wg_poll_func poll;
};

static int wg_poll(struct napi_struct *napi, int budget)
{
	struct wg_napi *self = container_of(napi, struct wg_napi, napi);

	return likely(budget > 0) ? self->poll(self, self->ctx, budget) : 0;
}

/* Ends a poll that left some of its budget: everything goes from GRO to the stack. */
void wg_napi_complete(struct wg_napi *self, u32 done)
{
	napi_complete_done(&self->napi, done);
}

struct wg_napi *wg_napi_new(struct net_device *dev, void *ctx, wg_poll_func poll)
{
	struct wg_napi *self = kzalloc(sizeof(*self), GFP_KERNEL);

	if (!self)
		return NULL;
	self->ctx = ctx;
	self->poll = poll;
	set_bit(NAPI_STATE_NO_BUSY_POLL, &self->napi.state);
#if WG_HAVE_NETIF_NAPI_ADD_NO_WEIGHT
	netif_napi_add(dev, &self->napi, wg_poll);
#else
	netif_napi_add(dev, &self->napi, wg_poll, NAPI_POLL_WEIGHT);
#endif
	napi_enable(&self->napi);
	return self;
}

/* No poll runs when this returns, and none begins. The caller waits for a grace period. */
void wg_napi_disable(struct wg_napi *self)
{
	napi_disable(&self->napi);
#if WG_HAVE_NETIF_NAPI_DEL_NO_SYNC
	__netif_napi_del(&self->napi);
#else
	netif_napi_del(&self->napi);
#endif
}

/* After the grace period. */
void wg_napi_free(struct wg_napi *self)
{
	kfree(self);
}

void wg_napi_synchronize(struct wg_napi *self)
{
	napi_synchronize(&self->napi);
}

/* From process or softirq context; in process context the softirq runs when this returns. */
void wg_napi_schedule(struct wg_napi *self)
{
	local_bh_disable();
	napi_schedule(&self->napi);
	local_bh_enable();
}

void wg_napi_receive(struct wg_napi *self, struct sk_buff *skb)
{
	napi_gro_receive(&self->napi, skb);
}


/* A number for the namespace that the interface is in. */
u64 wg_net_id(const struct net_device *dev)
{
	return (uintptr_t)dev_net(dev);
}

u64 wg_memory_bytes(void)
{
	return (u64)totalram_pages() << PAGE_SHIFT;
}

/* Once per bundle, from softirq. */
void wg_stats_rx(struct net_device *dev, u32 packets, u64 bytes)
{
	struct pcpu_sw_netstats *stats = this_cpu_ptr(dev->tstats);

	u64_stats_update_begin(&stats->syncp);
#if WG_HAVE_TSTATS_U64_STATS_T
	u64_stats_add(&stats->rx_packets, packets);
	u64_stats_add(&stats->rx_bytes, bytes);
#else
	stats->rx_packets += packets;
	stats->rx_bytes += bytes;
#endif
	u64_stats_update_end(&stats->syncp);
}

/* The kernel's own counts, and the packets that ended with us. */
static void wg_ndo_get_stats64(struct net_device *dev, struct rtnl_link_stats64 *stats)
{
	struct wg_priv *priv = netdev_priv(dev);

#if WG_HAVE_DEV_GET_TSTATS64
	dev_get_tstats64(dev, stats);
#else
	ip_tunnel_get_stats64(dev, stats);
#endif
	if (priv->device)
		wg_rs_statistics(priv->device, stats);
}

static int wg_ndo_open(struct net_device *dev)
{
	struct in_device *v4 = __in_dev_get_rtnl(dev);
	struct wg_priv *priv = netdev_priv(dev);
#if IS_ENABLED(CONFIG_IPV6)
	struct inet6_dev *v6 = __in6_dev_get(dev);

	/* There is no link layer to make a link-local address from. */
	if (v6)
		v6->cnf.addr_gen_mode = IN6_ADDR_GEN_MODE_NONE;
#endif
	/* A packet that leaves by the interface it came from is normal here: no redirects. */
	if (v4) {
		IN_DEV_CONF_SET(v4, SEND_REDIRECTS, false);
		IPV4_DEVCONF_ALL(dev_net(dev), SEND_REDIRECTS) = false;
	}
	return wg_rs_open(priv->device);
}

static int wg_ndo_stop(struct net_device *dev)
{
	struct wg_priv *priv = netdev_priv(dev);

	wg_rs_stop(priv->device);
	return 0;
}

/* A negative value reaches the application on a device without a queue; the packet is used up. */
static netdev_tx_t wg_ndo_start_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct wg_priv *priv = netdev_priv(dev);

	return (netdev_tx_t)wg_rs_xmit(priv->device, skb);
}

static const struct net_device_ops wg_netdev_ops = {
	.ndo_open = wg_ndo_open,
	.ndo_stop = wg_ndo_stop,
	.ndo_start_xmit = wg_ndo_start_xmit,
	.ndo_get_stats64 = wg_ndo_get_stats64,
};

static const struct device_type wg_device_type = { .name = KBUILD_MODNAME };

static void wg_setup(struct net_device *dev)
{
	const netdev_features_t features = NETIF_F_HW_CSUM | NETIF_F_RXCSUM | NETIF_F_SG |
					   NETIF_F_GSO | NETIF_F_GSO_SOFTWARE | NETIF_F_HIGHDMA;

	dev->netdev_ops = &wg_netdev_ops;
	dev->ethtool_ops = &wg_ethtool_ops;
#if WG_HAVE_IP_TUNNEL_HEADER_OPS
	dev->header_ops = &ip_tunnel_header_ops;
#endif
	dev->hard_header_len = 0;
	dev->addr_len = 0;
	dev->needed_headroom = WG_HEADROOM;
	dev->needed_tailroom = WG_TAG + WG_PADDING;
	dev->type = ARPHRD_NONE;
	dev->flags = IFF_POINTOPOINT | IFF_NOARP;
	dev->priv_flags |= IFF_NO_QUEUE;
#if WG_HAVE_DEV_LLTX
	dev->lltx = true;
#else
	dev->features |= NETIF_F_LLTX;
#endif
	dev->features |= features;
	dev->hw_features |= features;
	dev->hw_enc_features |= features;
	dev->mtu = ETH_DATA_LEN - WG_OVERHEAD;
	dev->max_mtu = round_down(INT_MAX, WG_PADDING) - WG_OVERHEAD;
#if WG_HAVE_PCPU_STAT_TYPE
	dev->pcpu_stat_type = NETDEV_PCPU_STAT_TSTATS;
#endif
	SET_NETDEV_DEVTYPE(dev, &wg_device_type);
	/* Path MTU and ICMP errors need the route of the inner packet. */
	netif_keep_dst(dev);
#if WG_HAVE_NETIF_SET_TSO_MAX_SIZE
	netif_set_tso_max_size(dev, GSO_MAX_SIZE);
#endif
}

static void wg_free_stats(struct net_device *dev)
{
#if !WG_HAVE_PCPU_STAT_TYPE
	free_percpu(dev->tstats);
	dev->tstats = NULL;
#endif
}

/* The core calls this without rtnl after the last reference has gone, then frees the device. */
static void wg_destruct(struct net_device *dev)
{
	struct wg_priv *priv = netdev_priv(dev);

	rtnl_lock();
	list_del(&priv->list);
	RCU_INIT_POINTER(priv->creating_net, NULL);
	wg_sockets_close(priv);
	wg_rs_destroy(priv->device);
	priv->device = NULL;
	rtnl_unlock();
	rcu_barrier();
	wg_free_stats(dev);
	pr_debug("%s: Interface destroyed\n", dev->name);
}

static int wg_create(struct net_device *dev, struct net *link_net)
{
	struct wg_priv *priv = netdev_priv(dev);
	int err;

	mutex_init(&priv->socket_lock);
	priv->dev = dev;
	rcu_assign_pointer(priv->creating_net, link_net);
#if !WG_HAVE_PCPU_STAT_TYPE
	dev->tstats = netdev_alloc_pcpu_stats(struct pcpu_sw_netstats);
	if (!dev->tstats)
		return -ENOMEM;
#endif
	err = wg_rs_newlink(dev, &priv->device);
	if (err)
		goto free_stats;
	err = register_netdevice(dev);
	if (err)
		goto destroy;
	list_add(&priv->list, &wg_devices);
	/* From here on the core ends the device, by way of the destructor. */
	dev->priv_destructor = wg_destruct;
	dev->needs_free_netdev = true;
	pr_debug("%s: Interface created\n", dev->name);
	return 0;

destroy:
	wg_rs_destroy(priv->device);
	priv->device = NULL;
free_stats:
	wg_free_stats(dev);
	return err;
}

#if WG_HAVE_RTNL_NEWLINK_PARAMS
static int wg_newlink(struct net_device *dev, struct rtnl_newlink_params *params,
		      struct netlink_ext_ack *extack)
{
	return wg_create(dev, rtnl_newlink_link_net(params));
}
#else
static int wg_newlink(struct net *src_net, struct net_device *dev, struct nlattr *tb[],
		      struct nlattr *data[], struct netlink_ext_ack *extack)
{
	return wg_create(dev, src_net);
}
#endif

static struct rtnl_link_ops wg_link_ops __read_mostly = {
	.kind = KBUILD_MODNAME,
	.priv_size = sizeof(struct wg_priv),
	.setup = wg_setup,
	.newlink = wg_newlink,
};

bool wg_is_ours(const struct net_device *dev)
{
	return dev->rtnl_link_ops == &wg_link_ops;
}

/* Calls `f` with the Rust side of each device. Under rtnl. */
void wg_for_each_device(void (*f)(void *device))
{
	struct wg_priv *priv;

	ASSERT_RTNL();
	list_for_each_entry(priv, &wg_devices, list)
		f(priv->device);
}

/* The namespace ends in which devices were created: they live on without sockets. */
static void wg_netns_pre_exit(struct net *net)
{
	struct wg_priv *priv;

	rtnl_lock();
	list_for_each_entry(priv, &wg_devices, list) {
		if (rcu_access_pointer(priv->creating_net) != net)
			continue;
		pr_debug("%s: Creating namespace exiting\n", priv->dev->name);
		netif_carrier_off(priv->dev);
		RCU_INIT_POINTER(priv->creating_net, NULL);
		wg_sockets_close(priv);
		wg_rs_net_exit(priv->device);
	}
	rtnl_unlock();
}

static struct pernet_operations wg_pernet_ops = {
	.pre_exit = wg_netns_pre_exit,
};

int wg_netdev_register(void)
{
	int err = register_pernet_device(&wg_pernet_ops);

	if (err)
		return err;
	err = rtnl_link_register(&wg_link_ops);
	if (err)
		unregister_pernet_device(&wg_pernet_ops);
	return err;
}

/* Ends every device there is. */
void wg_netdev_unregister(void)
{
	rtnl_link_unregister(&wg_link_ops);
	unregister_pernet_device(&wg_pernet_ops);
}
