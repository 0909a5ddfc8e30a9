// SPDX-License-Identifier: GPL-2.0
/*
 * The UDP sockets of an interface and the way out through them. They live in the namespace that
 * the interface was created in, wherever the interface itself moves.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt
#include "probes.h"
#include <linux/inetdevice.h>
#include <linux/net.h>
#include <linux/udp.h>
#include <net/addrconf.h>
#include <net/flow.h>
#include <net/ip_tunnels.h>
#include <net/ip6_route.h>
#include <net/ipv6.h>
#if WG_HAVE_IPV6_STUB
#include <net/ipv6_stubs.h>
#endif
#include <net/route.h>
#include <net/sock.h>
#include <net/udp.h>
#include <net/udp_tunnel.h>
#include "wg.h"

#if !WG_HAVE_FLOWI_COMMON
#define flowi4_to_flowi_common(fl4) flowi4_to_flowi(fl4)
#define flowi6_to_flowi_common(fl6) flowi6_to_flowi(fl6)
#endif

/* How a run of packets leaves: found once, used for each of them. */
struct wg_route {
	struct sock *sock;
	struct dst_entry *dst;
	union {
		struct flowi4 fl4;
		struct flowi6 fl6;
	};
};

struct wg_priv *wg_priv_of(const struct net_device *dev)
{
	return netdev_priv(dev);
}

/*
 * Takes a datagram as UDP hands it over (data at the UDP header) and leaves it with data at the
 * message, trimmed to the datagram's length, its first bytes linear.
 */
static int wg_rx_header(struct sk_buff *skb)
{
	const struct udphdr *udp = udp_hdr(skb);
	const u8 *message = (const u8 *)(udp + 1), *tail = skb_tail_pointer(skb);
	u32 offset, len;
	__le32 type;

	if (unlikely(message > tail))
		return -EINVAL;
	/*
	 * Noise ends here, before anything is done for it: no message has another type than 1 to 4.
	 * (Of a datagram whose type is not linear, once it is, like all that has a type and no sense.)
	 */
	if (likely(tail - message >= sizeof(type))) {
		memcpy(&type, message, sizeof(type));
		if (unlikely(le32_to_cpu(type) - 1 >= 4))
			return -EINVAL;
	}
	offset = message - skb->data;
	len = ntohs(udp->len);
	if (unlikely(offset > skb->len || len < sizeof(*udp)))
		return -EINVAL;
	len -= sizeof(*udp);
	if (unlikely(len > skb->len - offset || len < WG_DATA_HEADER))
		return -EINVAL;
	if (unlikely(!pskb_may_pull(skb, offset + WG_DATA_HEADER) ||
		     pskb_trim(skb, offset + len)))
		return -ENOMEM;
	__skb_pull(skb, offset);
	memset(WG_CB(skb), 0, sizeof(struct wg_cb));
	WG_CB(skb)->ds = ip_tunnel_get_dsfield(ip_hdr(skb), skb);
	return 0;
}

static int wg_encap_rcv(struct sock *sk, struct sk_buff *skb)
{
	struct wg_priv *priv = rcu_dereference_sk_user_data(sk);

	skb_mark_not_on_list(skb);
	if (likely(priv))
		wg_rs_receive(priv->device, skb, wg_rx_header(skb));
	else
		/* The socket is being closed: there is no interface here any more. */
		wg_skb_free(skb, WG_WHY_NOT_READY);
	return 0;
}

static int wg_sock_create(struct wg_priv *priv, struct net *net, struct udp_port_cfg *port,
			  struct socket **out)
{
	struct udp_tunnel_sock_cfg cfg = {
		.sk_user_data = priv,
		.encap_type = 1,
		.encap_rcv = wg_encap_rcv,
	};
	struct socket *sock;
	int err;

	err = udp_sock_create(net, port, &sock);
	if (err)
		return err;
	sock->sk->sk_allocation = GFP_ATOMIC;
	sock->sk->sk_sndbuf = INT_MAX;
	sk_set_memalloc(sock->sk);
#if WG_HAVE_UDP_TUNNEL_SOCK_STRUCT_SOCK
	setup_udp_tunnel_sock(net, sock->sk, &cfg);
#else
	setup_udp_tunnel_sock(net, sock, &cfg);
#endif
	*out = sock;
	return 0;
}

static void wg_sock_free(struct sock *sk)
{
	if (!sk)
		return;
	sk_clear_memalloc(sk);
#if WG_HAVE_UDP_TUNNEL_SOCK_STRUCT_SOCK
	udp_tunnel_sock_release(sk);
#else
	udp_tunnel_sock_release(sk->sk_socket);
#endif
}

/* Puts new sockets (or none) in the place of the old ones, which no reader sees when this returns. */
static void wg_sockets_swap(struct wg_priv *priv, struct sock *sock4, struct sock *sock6)
{
	struct sock *old4, *old6;

	mutex_lock(&priv->socket_lock);
	old4 = rcu_dereference_protected(priv->sock4, lockdep_is_held(&priv->socket_lock));
	old6 = rcu_dereference_protected(priv->sock6, lockdep_is_held(&priv->socket_lock));
	rcu_assign_pointer(priv->sock4, sock4);
	rcu_assign_pointer(priv->sock6, sock6);
	if (sock4)
		WRITE_ONCE(priv->port, ntohs(inet_sk(sock4)->inet_sport));
	mutex_unlock(&priv->socket_lock);
	if (!old4 && !old6)
		return;
	synchronize_net();
	wg_sock_free(old4);
	wg_sock_free(old6);
}

int wg_sockets_open(struct wg_priv *priv, u16 port)
{
	struct udp_port_cfg cfg4 = {
		.family = AF_INET,
		.local_ip.s_addr = htonl(INADDR_ANY),
		.local_udp_port = htons(port),
		.use_udp_checksums = true,
	};
#if IS_ENABLED(CONFIG_IPV6)
	struct udp_port_cfg cfg6 = {
		.family = AF_INET6,
		.local_ip6 = IN6ADDR_ANY_INIT,
		.use_udp6_tx_checksums = true,
		.use_udp6_rx_checksums = true,
		.ipv6_v6only = true,
	};
	int tries = 100;
#endif
	struct socket *sock4 = NULL, *sock6 = NULL;
	struct net *net;
	int err;

	rcu_read_lock();
	net = rcu_dereference(priv->creating_net);
	net = net ? maybe_get_net(net) : NULL;
	rcu_read_unlock();
	if (unlikely(!net))
		return -ENONET;

#if IS_ENABLED(CONFIG_IPV6)
again:
#endif
	err = wg_sock_create(priv, net, &cfg4, &sock4);
	if (err < 0) {
		pr_err("%s: Could not create IPv4 socket\n", priv->dev->name);
		goto out;
	}
#if IS_ENABLED(CONFIG_IPV6)
	if (ipv6_mod_enabled()) {
		cfg6.local_udp_port = inet_sk(sock4->sk)->inet_sport;
		err = wg_sock_create(priv, net, &cfg6, &sock6);
		if (err < 0) {
			wg_sock_free(sock4->sk);
			/* The kernel chose a port that is free for one family only: another one. */
			if (err == -EADDRINUSE && !port && tries--)
				goto again;
			pr_err("%s: Could not create IPv6 socket\n", priv->dev->name);
			goto out;
		}
	}
#endif
	wg_sockets_swap(priv, sock4->sk, sock6 ? sock6->sk : NULL);
	err = 0;
out:
	put_net(net);
	return err;
}

void wg_sockets_close(struct wg_priv *priv)
{
	wg_sockets_swap(priv, NULL, NULL);
}

static void wg_forget_source(struct wg_endpoint *ep, struct dst_cache *cache, bool *cleared)
{
	memset(&ep->src6, 0, sizeof(ep->src6));
	*cleared = true;
	if (cache)
		dst_cache_reset(cache);
}

static int wg_route4(struct wg_priv *priv, struct wg_endpoint *ep, struct dst_cache *cache,
		     struct wg_route *route, bool *cleared)
{
	struct sock *sock = rcu_dereference_bh(priv->sock4);
	struct flowi4 *fl = &route->fl4;
	struct rtable *rt;
	int tries;

	if (unlikely(!sock))
		return -ENONET;
	route->sock = sock;
	*fl = (struct flowi4){
		.saddr = ep->src4.s_addr,
		.daddr = ep->addr4.sin_addr.s_addr,
		.fl4_sport = inet_sk(sock)->inet_sport,
		.fl4_dport = ep->addr4.sin_port,
		.flowi4_mark = READ_ONCE(priv->fwmark),
		.flowi4_proto = IPPROTO_UDP,
	};
	rt = cache ? dst_cache_get_ip4(cache, &fl->saddr) : NULL;
	if (rt)
		goto out;

	security_sk_classify_flow(sock, flowi4_to_flowi_common(fl));
	/* The address that the peer knows us by may have left this host since. */
	if (fl->saddr && !inet_confirm_addr(sock_net(sock), NULL, 0, fl->saddr, RT_SCOPE_HOST)) {
		wg_forget_source(ep, cache, cleared);
		fl->saddr = 0;
	}
	for (tries = 0; ; tries++) {
		bool wrong;

		rt = ip_route_output_flow(sock_net(sock), fl, sock);
		wrong = IS_ERR(rt) ? PTR_ERR(rt) == -EINVAL
				   : rt->dst.dev->ifindex != ep->src_if4;
		if (!ep->src_if4 || !wrong || tries)
			break;
		/* The route goes out elsewhere now: choose the source anew. */
		if (!IS_ERR(rt))
			ip_rt_put(rt);
		wg_forget_source(ep, cache, cleared);
		fl->saddr = 0;
	}
	if (IS_ERR(rt))
		return PTR_ERR(rt);
	if (cache)
		dst_cache_set_ip4(cache, &rt->dst, fl->saddr);
out:
	route->dst = &rt->dst;
	return 0;
}

#if IS_ENABLED(CONFIG_IPV6)
static int wg_route6(struct wg_priv *priv, struct wg_endpoint *ep, struct dst_cache *cache,
		     struct wg_route *route, bool *cleared)
{
	struct sock *sock = rcu_dereference_bh(priv->sock6);
	struct flowi6 *fl = &route->fl6;
	struct dst_entry *dst;

	if (unlikely(!sock))
		return -ENONET;
	route->sock = sock;
	*fl = (struct flowi6){
		.saddr = ep->src6,
		.daddr = ep->addr6.sin6_addr,
		.fl6_sport = inet_sk(sock)->inet_sport,
		.fl6_dport = ep->addr6.sin6_port,
		.flowi6_mark = READ_ONCE(priv->fwmark),
		.flowi6_oif = ep->addr6.sin6_scope_id,
		.flowi6_proto = IPPROTO_UDP,
	};
	dst = cache ? dst_cache_get_ip6(cache, &fl->saddr) : NULL;
	if (dst)
		goto out;

	security_sk_classify_flow(sock, flowi6_to_flowi_common(fl));
	if (!ipv6_addr_any(&fl->saddr) &&
	    !ipv6_chk_addr(sock_net(sock), &fl->saddr, NULL, 0)) {
		wg_forget_source(ep, cache, cleared);
		fl->saddr = in6addr_any;
	}
#if WG_HAVE_IPV6_STUB
	dst = ipv6_stub->ipv6_dst_lookup_flow(sock_net(sock), sock, fl, NULL);
#else
	dst = ip6_dst_lookup_flow(sock_net(sock), sock, fl, NULL);
#endif
	if (IS_ERR(dst))
		return PTR_ERR(dst);
	if (cache)
		dst_cache_set_ip6(cache, dst, &fl->saddr);
out:
	route->dst = dst;
	return 0;
}
#endif

static int wg_find_route(struct wg_priv *priv, struct wg_endpoint *ep, struct dst_cache *cache,
			 struct wg_route *route, bool *cleared)
{
	if (ep->addr.sa_family == AF_INET)
		return wg_route4(priv, ep, cache, route, cleared);
#if IS_ENABLED(CONFIG_IPV6)
	if (ep->addr.sa_family == AF_INET6)
		return wg_route6(priv, ep, cache, route, cleared);
#endif
	return -EAFNOSUPPORT;
}

/* Hands one packet to the stack; uses up the packet and one reference on the route. */
static void wg_emit(struct wg_priv *priv, struct wg_route *route, u16 family, struct sk_buff *skb,
		    u8 ds)
{
	skb->dev = priv->dev;
	skb->mark = READ_ONCE(priv->fwmark);
	skb->ignore_df = 1;
	/* The device's byte counter starts here: at the message, without UDP and IP. */
	skb_reset_inner_network_header(skb);
	if (family == AF_INET) {
		udp_tunnel_xmit_skb((struct rtable *)route->dst, route->sock, skb,
				    route->fl4.saddr, route->fl4.daddr, ds,
				    ip4_dst_hoplimit(route->dst), 0, route->fl4.fl4_sport,
				    route->fl4.fl4_dport, false, false
#if WG_HAVE_UDP_TUNNEL_XMIT_IPCB_FLAGS
				    , 0
#endif
				    );
		return;
	}
#if IS_ENABLED(CONFIG_IPV6)
	udp_tunnel6_xmit_skb(route->dst, route->sock, skb, skb->dev, &route->fl6.saddr,
			     &route->fl6.daddr, ds, ip6_dst_hoplimit(route->dst), 0,
			     route->fl6.fl6_sport, route->fl6.fl6_dport, false
#if WG_HAVE_UDP_TUNNEL_XMIT_IPCB_FLAGS
			     , 0
#endif
			     );
#endif
}

/*
 * Sends a chain of sealed packets to one endpoint. The number that could not be sent; what was is
 * added to *bytes. `ep` is the caller's copy: *src_cleared says that its source turned out stale.
 */
u32 wg_send_run(struct wg_priv *priv, struct wg_endpoint *ep, struct dst_cache *cache,
		struct sk_buff *head, bool *src_cleared, u64 *bytes)
{
	struct wg_route route;
	struct sk_buff *skb, *next;
	u32 failed = 0;
	int err;

	rcu_read_lock_bh();
	err = wg_find_route(priv, ep, cache, &route, src_cleared);
	for (skb = head; skb; skb = next) {
		next = skb->next;
		skb_mark_not_on_list(skb);
		if (unlikely(err)) {
			wg_skb_free(skb, WG_WHY_NO_ROUTE);
			failed++;
			continue;
		}
		*bytes += skb->len;
		dst_hold(route.dst);
		wg_emit(priv, &route, ep->addr.sa_family, skb, WG_CB(skb)->ds);
	}
	if (!err)
		dst_release(route.dst);
	rcu_read_unlock_bh();
	if (unlikely(err))
		net_dbg_ratelimited("%s: No route to %pISpfsc, error %d\n", priv->dev->name,
				    &ep->addr, err);
	return failed;
}

/* Sends one message of a handshake. */
int wg_send_buffer(struct wg_priv *priv, struct wg_endpoint *ep, struct dst_cache *cache,
		   const u8 *buf, u32 len, u8 ds, bool *src_cleared)
{
	struct sk_buff *skb = alloc_skb(WG_HEADROOM + len, GFP_ATOMIC);
	struct wg_route route;
	int err;

	if (unlikely(!skb))
		return -ENOMEM;
	skb_reserve(skb, WG_HEADROOM);
	skb_put_data(skb, buf, len);

	rcu_read_lock_bh();
	err = wg_find_route(priv, ep, cache, &route, src_cleared);
	if (likely(!err))
		wg_emit(priv, &route, ep->addr.sa_family, skb, ds);
	else
		wg_skb_free(skb, WG_WHY_NO_ROUTE);
	rcu_read_unlock_bh();
	return err;
}

/* Answers a datagram where it came from, without touching any peer. */
int wg_send_reply(struct wg_priv *priv, const struct sk_buff *to, const u8 *buf, u32 len)
{
	struct wg_endpoint ep;
	bool cleared;

	wg_skb_endpoint(to, &ep);
	return wg_send_buffer(priv, &ep, NULL, buf, len, 0, &cleared);
}

int wg_dst_cache_init(struct dst_cache *cache)
{
	return dst_cache_init(cache, GFP_KERNEL);
}

void wg_dst_cache_reset(struct dst_cache *cache)
{
	dst_cache_reset(cache);
}

/* Releases every cached route at once, so that no namespace waits for it. */
void wg_dst_cache_reset_now(struct dst_cache *cache)
{
#if WG_HAVE_DST_CACHE_RESET_NOW
	dst_cache_reset_now(cache);
#else
	dst_cache_reset(cache);
#endif
}

void wg_dst_cache_destroy(struct dst_cache *cache)
{
	dst_cache_destroy(cache);
}
