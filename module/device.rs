// SPDX-License-Identifier: GPL-2.0

//! One wg interface: its identity, peers, tables and workers.
//!
//! `wg_rs_newlink()` makes it, the net_device's destructor ends it. Everything below it (peers,
//! keypairs, queues) holds a reference on it; [`Device::destroy`] breaks those circles.
#![forbid(unsafe_code)]

use crate::{
    allowed::{self, ById, Trie, Writer},
    bound::Bound,
    counters::Counters,
    cpu_queue::CpuQueue,
    handshake::Inbox,
    kapi::{
        chunks::Chunks,
        cpu,
        limbo::Limbo,
        lock::{Class, SpinLock},
        napi::Napi,
        netdev::NetDev,
        random,
        rcu::{self, RcuArc, RcuGuard, RcuOwned, RcuSlot},
        rtnl::{Rtnl, RtnlCell},
        socket::Sockets,
        table::Table,
        timer::Timer,
        work::WorkQueue,
    },
    keypair::Keypair,
    limits,
    peer::Peer,
};
use core::{
    ffi::CStr,
    sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
};
use kernel::{
    alloc::{flags::GFP_KERNEL, Flags},
    prelude::*,
    sync::Arc,
};
use wg_protocol::{
    cookie,
    message::{MAX_PEERS, MAX_QUEUED},
    noise::Identity,
    siphash,
    timers::Timers,
};

/// Packets in flight, in each direction, of a device and of a peer. Going out, a device may have as
/// many bytes as in the ring of the C module, whose 1,024 entries are up to 64 KiB each.
const TX_BOUND: Bound = Bound::new(32_768, 16_384);
const RX_BOUND: Bound = Bound::new(8 * MAX_QUEUED as u32, MAX_QUEUED as u32);

const KEY_TABLE_BITS: u32 = 11;
const INDEX_TABLE_BITS: u32 = 13;

/// What a receiver index stands for.
pub(crate) enum Target {
    /// A handshake of this peer.
    Handshake(Arc<Peer>),
    /// A session of this peer.
    Session(Arc<Peer>, RcuArc<Keypair>),
}

/// What only the holder of rtnl touches.
pub(crate) struct Config {
    /// In the order of creation, so of their ids.
    pub(crate) peers: KVVec<Arc<Peer>>,
    pub(crate) by_id: ById,
    pub(crate) writer: Writer,
    ids: Limbo,
    next_peer: u64,
    /// Changes with every change; a dump that sees it change says so.
    pub(crate) generation: u32,
}

/// See the head of this file.
pub(crate) struct Device {
    pub(crate) net: NetDev,
    pub(crate) counters: Counters,
    pub(crate) sockets: Sockets,
    pub(crate) trie: Trie,
    pub(crate) config: RtnlCell<Config>,
    pub(crate) inbox: Inbox,
    pub(crate) cookies: SpinLock<cookie::Checker>,
    mac1: RcuSlot<cookie::Mac1>,
    /// One for each possible CPU, by number.
    pub(crate) queues: KVec<Arc<CpuQueue>>,
    pub(crate) crypt: WorkQueue,
    pub(crate) kex: WorkQueue,
    identity: SpinLock<Option<Arc<Identity>>>,
    peers_by_id: Chunks<PeerSlot>,
    peers_by_key: Table<[u8; 32], Arc<Peer>>,
    key_hash: siphash::Key,
    indices: Table<u32, Target>,
    up: AtomicBool,
    keypairs: AtomicU64,
    pub(crate) tx_bound: Bound,
    pub(crate) rx_bound: Bound,
    deal: Deal,
    pub(crate) watch: Timer<Device>,
    /// When the timer is due, by its own clock; 0 if it is not armed.
    pub(crate) watch_due: AtomicU64,
}

/// What changes when bundles are dealt to the CPUs, apart from what every packet reads.
#[repr(align(64))]
struct Deal {
    last_cpu: AtomicUsize,
    /// CPUs whose queues have bundles to work on, one bit for each.
    busy: KVec<AtomicU64>,
}

struct PeerSlot(RcuSlot<Arc<Peer>>);

impl Default for PeerSlot {
    fn default() -> Self {
        PeerSlot(RcuSlot::new())
    }
}

impl Device {
    /// A device without identity and peers, down.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new(net: NetDev, sockets: Sockets, rtnl: &mut Rtnl) -> Result<Arc<Self>> {
        limits::ready()?;
        let mut name = net.name();
        name[15] = 0;
        let name = CStr::from_bytes_until_nul(&name).map_err(|_| EINVAL)?;
        let mut queues = KVec::with_capacity(cpu::count(), GFP_KERNEL)?;
        for number in 0..cpu::count() {
            queues.push(CpuQueue::new(number)?, GFP_KERNEL)?;
        }
        let mut busy = KVec::with_capacity(cpu::count().div_ceil(64), GFP_KERNEL)?;
        for _ in 0..cpu::count().div_ceil(64) {
            busy.push(AtomicU64::new(0), GFP_KERNEL)?;
        }
        let dev = Arc::new(
            Device {
                crypt: WorkQueue::crypt(name)?,
                kex: WorkQueue::kex(name)?,
                net,
                counters: Counters::new()?,
                sockets,
                trie: allowed::trie(),
                config: RtnlCell::new(Config {
                    peers: KVVec::new(),
                    by_id: ById(KVVec::new()),
                    writer: allowed::writer(),
                    ids: Limbo::new(),
                    next_peer: 0,
                    generation: 1,
                }),
                inbox: Inbox::new()?,
                cookies: SpinLock::new(cookie::Checker::new(None), Class::Cookie),
                mac1: RcuSlot::new(),
                queues,
                identity: SpinLock::new(None, Class::Identity),
                peers_by_id: Chunks::new(),
                peers_by_key: Table::new(KEY_TABLE_BITS, GFP_KERNEL)?,
                key_hash: siphash::Key(random::u64(), random::u64()),
                indices: Table::new(INDEX_TABLE_BITS, GFP_KERNEL)?,
                up: AtomicBool::new(false),
                keypairs: AtomicU64::new(0),
                tx_bound: TX_BOUND,
                rx_bound: RX_BOUND,
                deal: Deal {
                    last_cpu: AtomicUsize::new(0),
                    busy,
                },
                watch: Timer::new(),
                watch_due: AtomicU64::new(0),
            },
            GFP_KERNEL,
        )?;
        Timer::init(&dev);
        for queue in dev.queues.iter() {
            queue.attach(&dev);
        }
        let ready = dev
            .queues
            .iter()
            .try_for_each(|queue| Napi::enable(queue, &dev.net, rtnl))
            .and_then(|()| dev.inbox.attach(&dev));
        if let Err(error) = ready {
            dev.detach(rtnl);
            return Err(error);
        }
        Ok(dev)
    }

    fn detach(&self, rtnl: &mut Rtnl) {
        Napi::disable_all(&self.queues, rtnl);
        for queue in self.queues.iter() {
            queue.detach();
        }
        self.inbox.detach();
    }

    /// Ends everything that could still use the device. Sleeps.
    pub(crate) fn destroy(this: &Arc<Self>, rtnl: &mut Rtnl) {
        this.remove_all_peers(rtnl);
        this.inbox.clear(this);
        Self::quiesce(this, rtnl);
        this.detach(rtnl);
        this.kex.flush();
        this.crypt.flush();
        this.set_identity(None, None);
        // What waits for its grace period holds references on us.
        rcu::barrier();
    }

    /// Whether the interface is up.
    pub(crate) fn is_up(&self) -> bool {
        self.up.load(Ordering::Relaxed)
    }

    /// The interface comes up: sockets open, peers begin.
    ///
    /// # Errors
    ///
    /// What opening the sockets says.
    pub(crate) fn open(this: &Arc<Self>, rtnl: &mut Rtnl) -> Result {
        this.sockets.open(this.sockets.port())?;
        this.up.store(true, Ordering::Relaxed);
        for peer in this.config.get(rtnl).peers.iter() {
            Peer::start(peer);
        }
        Ok(())
    }

    /// The interface goes down: sessions end, sockets close.
    pub(crate) fn stop(this: &Arc<Self>, rtnl: &mut Rtnl) {
        this.up.store(false, Ordering::Relaxed);
        this.sockets.close();
        for peer in this.config.get(rtnl).peers.iter() {
            Peer::stop(peer);
        }
        this.inbox.clear(this);
        Self::quiesce(this, rtnl);
        // A handshake that was in progress may have begun a session after all, and have shut the
        // gate for the next one.
        for peer in this.config.get(rtnl).peers.iter() {
            peer.end_sessions();
            peer.ask_timers(Timers::stop);
        }
    }

    /// Waits for everything that is in progress in hooks, workers and NAPI. The sockets are closed,
    /// so nothing new begins by itself; what each stage gives to the next is waited for in turn.
    /// Sleeps.
    fn quiesce(this: &Arc<Self>, rtnl: &mut Rtnl) {
        rcu::synchronize_net();
        // What was gathered is opened in a poll, or dealt to the workers there. A worker completes
        // what it has and hands runs to other workers and to polls; a poll that ends a run takes
        // the next one itself.
        for _ in 0..2 {
            for queue in this.queues.iter() {
                queue.napi.synchronize(rtnl);
            }
            this.crypt.flush();
            this.crypt.flush();
            this.kex.flush();
        }
        for queue in this.queues.iter() {
            queue.napi.synchronize(rtnl);
        }
        // It has nothing left to move.
        Timer::cancel(this);
        this.watch_due.store(0, Ordering::Relaxed);
        this.crypt.flush();
    }

    /// The namespace of the sockets is gone: addresses and routes learnt there mean nothing now.
    pub(crate) fn release_routes(&self, rtnl: &mut Rtnl) {
        for peer in self.config.get(rtnl).peers.iter() {
            peer.release_routes();
        }
    }

    /// Addresses to send from are chosen anew.
    pub(crate) fn forget_sources(&self, rtnl: &mut Rtnl) {
        for peer in self.config.get(rtnl).peers.iter() {
            peer.forget_source();
        }
    }

    /// All sessions are over, and their keys gone: the machine is going to sleep.
    pub(crate) fn end_sessions(&self, rtnl: &mut Rtnl) {
        for peer in self.config.get(rtnl).peers.iter() {
            peer.end_sessions();
        }
    }

    /// Nothing more is sent in the sessions there are: the machine has been copied, and whoever is
    /// the copy must not use a counter twice.
    pub(crate) fn expire_sessions(&self, rtnl: &mut Rtnl) {
        for peer in self.config.get(rtnl).peers.iter() {
            peer.expire_sessions();
        }
    }

    /// The device's own keys.
    pub(crate) fn identity(&self) -> Option<Arc<Identity>> {
        self.identity.lock().clone()
    }

    /// Whether they are still these: what was made with others must not be used.
    pub(crate) fn still_is(&self, identity: &Arc<Identity>) -> bool {
        self.identity
            .lock()
            .as_ref()
            .is_some_and(|now| Arc::ptr_eq(now, identity))
    }

    /// Changes them, with what mac1 is checked with. What follows from it for the peers is the
    /// caller's to do.
    pub(crate) fn set_identity(
        &self,
        identity: Option<Arc<Identity>>,
        mac1: Option<RcuOwned<cookie::Mac1>>,
    ) {
        drop(self.mac1.swap(mac1));
        self.cookies
            .lock()
            .set_public(identity.as_ref().map(|identity| identity.public()));
        let old = core::mem::replace(&mut *self.identity.lock(), identity);
        drop(old);
    }

    /// Whether the sender of a handshake message knew whose it is: mac1.
    pub(crate) fn is_meant(&self, message: &[u8]) -> bool {
        let section = RcuGuard::new();
        self.mac1
            .load(&section)
            .is_some_and(|mac1| mac1.is_valid(message))
    }

    pub(crate) fn next_keypair_id(&self) -> u64 {
        self.keypairs.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// The queue of the CPU that this runs on.
    #[inline]
    pub(crate) fn local_queue(&self) -> Option<&Arc<CpuQueue>> {
        self.queues.get(cpu::current())
    }

    /// The queue of the next CPU in turn, of those that run.
    #[inline]
    pub(crate) fn next_queue(&self) -> Option<&Arc<CpuQueue>> {
        let mut cpu = self.deal.last_cpu.load(Ordering::Relaxed);
        for _ in 0..self.queues.len() {
            cpu = cpu::next_online(cpu);
            if self.queues.get(cpu).is_some_and(|queue| !queue.is_stuck()) {
                break;
            }
        }
        self.deal.last_cpu.store(cpu, Ordering::Relaxed);
        self.queues.get(cpu)
    }

    /// Notes whether the queue of a CPU has bundles to work on: a hint for idle workers.
    pub(crate) fn set_busy(&self, cpu: usize, busy: bool) {
        let bit = 1u64 << (cpu % 64);
        if let Some(word) = self.deal.busy.get(cpu / 64) {
            if busy {
                word.fetch_or(bit, Ordering::Relaxed);
            } else {
                word.fetch_and(!bit, Ordering::Relaxed);
            }
        }
    }

    /// The CPUs other than `own` whose queues have bundles to work on, beginning behind it.
    pub(crate) fn busy_cpus(&self, own: usize) -> impl Iterator<Item = usize> + '_ {
        let is_busy = |cpu: &usize| {
            self.deal
                .busy
                .get(cpu / 64)
                .is_some_and(|word| word.load(Ordering::Relaxed) & (1u64 << (cpu % 64)) != 0)
        };
        let any = self
            .deal
            .busy
            .iter()
            .any(|word| word.load(Ordering::Relaxed) != 0);
        let count = if any { self.queues.len() } else { 0 };
        (1..count)
            .map(move |step| (own + step).checked_rem(count).unwrap_or(0))
            .filter(is_busy)
    }

    // Peers.

    #[inline]
    pub(crate) fn peer_by_id<'g>(&self, id: u32, section: &'g RcuGuard) -> Option<&'g Arc<Peer>> {
        self.peers_by_id.get(id)?.0.load(section)
    }

    fn hash_key(&self, key: &[u8; 32]) -> u32 {
        let mut words = [0; 4];
        for (word, bytes) in words.iter_mut().zip(key.chunks_exact(8)) {
            *word = u64::from_le_bytes(bytes.try_into().unwrap_or_default());
        }
        siphash::hash(self.key_hash, &words) as u32
    }

    pub(crate) fn peer_by_key(&self, key: &[u8; 32]) -> Option<Arc<Peer>> {
        let section = RcuGuard::new();
        self.peers_by_key
            .get(self.hash_key(key), key, &section)
            .cloned()
    }

    /// Makes a peer.
    ///
    /// # Errors
    ///
    /// `ENOMEM`, also if there are too many.
    pub(crate) fn add_peer(
        this: &Arc<Self>,
        rtnl: &mut Rtnl,
        public: [u8; 32],
    ) -> Result<Arc<Peer>> {
        let config = this.config.get(rtnl);
        if config.peers.len() >= MAX_PEERS {
            return Err(ENOMEM);
        }
        config.peers.reserve(1, GFP_KERNEL)?;
        let slot = this.take_id(config)?;
        let id = config.next_peer + 1;
        let made = Peer::new(this, id, slot, public).and_then(|peer| {
            let published = RcuOwned::new(peer.clone(), GFP_KERNEL)?;
            let hash = this.hash_key(&public);
            this.peers_by_key
                .insert(hash, public, peer.clone(), true, GFP_KERNEL)?;
            Ok((peer, published))
        });
        let (peer, published) = match made {
            Ok(made) => made,
            Err(error) => {
                // No reader has seen the number.
                let _ = config.ids.give(slot);
                return Err(error);
            }
        };
        if let Some(place) = this.peers_by_id.get(slot) {
            drop(place.0.swap(Some(published)));
        }
        if let Some(place) = config.by_id.0.get_mut(slot as usize) {
            *place = Some(peer.clone());
        }
        config.next_peer = id;
        config.peers.push(peer.clone(), GFP_KERNEL)?;
        Peer::announce(&peer);
        Ok(peer)
    }

    /// A number for a new peer, with its places in both tables.
    fn take_id(&self, config: &mut Config) -> Result<u32> {
        if let Some(id) = config.ids.take() {
            return Ok(id);
        }
        let id = config.by_id.0.len() as u32;
        if id >= self.peers_by_id.len() {
            self.peers_by_id.grow(GFP_KERNEL)?;
        }
        config.by_id.0.push(None, GFP_KERNEL)?;
        Ok(id)
    }

    /// Takes a peer out of every table and ends its sessions and timers. What is under way in
    /// queues ends without it.
    fn unlink_peer(&self, config: &mut Config, peer: &Arc<Peer>) {
        config.writer.remove_all(&self.trie, &peer.allowed);
        self.peers_by_key
            .remove(self.hash_key(&peer.public), &peer.public);
        if let Some(place) = self.peers_by_id.get(peer.slot) {
            drop(place.0.swap(None));
        }
        if let Some(place) = config.by_id.0.get_mut(peer.slot as usize) {
            *place = None;
        }
        config.ids.retire(peer.slot);
        Peer::end(peer);
    }

    pub(crate) fn remove_peer(&self, rtnl: &mut Rtnl, peer: &Arc<Peer>) {
        let config = self.config.get(rtnl);
        let at = config.peers.binary_search_by_key(&peer.id, |p| p.id);
        if let Ok(at) = at {
            let _ = config.peers.remove(at);
            self.unlink_peer(config, peer);
        }
    }

    pub(crate) fn remove_all_peers(&self, rtnl: &mut Rtnl) {
        let config = self.config.get(rtnl);
        let peers = core::mem::replace(&mut config.peers, KVVec::new());
        for peer in peers.iter() {
            self.unlink_peer(config, peer);
        }
    }

    // Receiver indices.

    /// A number that no handshake or session of ours has, standing for this peer's handshake.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn add_handshake_index(&self, peer: &Arc<Peer>) -> Result<u32> {
        loop {
            let index = random::u32();
            let target = Target::Handshake(peer.clone());
            match self.indices.insert(index, index, target, true, GFP_KERNEL) {
                Err(error) if error == EEXIST => continue,
                result => return result.map(|()| index),
            }
        }
    }

    /// Has an index stand for something else from now on.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn replace_index(&self, index: u32, target: Target, flags: Flags) -> Result {
        self.indices.insert(index, index, target, false, flags)
    }

    pub(crate) fn drop_index(&self, index: u32) {
        self.indices.remove(index, &index);
    }

    /// What an index of ours stands for.
    #[inline]
    pub(crate) fn target<'g>(&self, index: u32, section: &'g RcuGuard) -> Option<&'g Target> {
        self.indices.get(index, &index, section)
    }
}
