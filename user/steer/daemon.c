/* Owns the loop, the connections, and the order in which a decision is carried out.
 *
 *   datagrams -> facts -> state -> state_decide() -> maps, resets, addresses, answers
 *   netlink, time ------->
 *
 * 1. A decision is carried out in this order: map entries (S12: at once), mirror sets, resets,
 *    addresses (S2, S4: reset, then withdraw), and only then the answer that says so.
 * 2. Time is looked at before messages: a lease that ran out while we slept is lost, whatever lies
 *    in the socket.
 * 3. At most one connection has a session.
 * 4. Forged SYNs leave after the entries and addresses of the image that asks for them. */
#include "steer/daemon.h"

#include "base/mem.h"
#include "steer/announce.h"
#include "steer/attach.h"
#include "steer/capability.h"
#include "steer/facts.h"
#include "steer/flow_resets.h"
#include "steer/forged_syn.h"
#include "steer/hops.h"
#include "steer/maps.h"
#include "steer/mirroring.h"
#include "steer/mirrors.h"
#include "steer/netlink.h"
#include "steer/server.h"
#include "steer/socket_reset.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	CONNECTIONS_MAX = 4,
	MESSAGES_PER_TURN = 256,
	HOPS_INTERVAL_US = 1000 * 1000, /* neighbours are kept fresh by asking */
	HOPS_SPACING_US = 20 * 1000,    /* a storm of news is one question */
};

enum poll_place { POLL_SIGNAL, POLL_LISTENER, POLL_MONITOR, POLL_CONNECTIONS };

struct steer_daemon {
	const struct config *config;
	struct log *log;
	uid_t broker_user;

	struct link link;
	struct attachment *attachment;
	struct mirroring *mirroring;
	struct maps maps;
	struct announcer *announcer;
	struct hops *hops;
	struct state *state;
	struct flow_resets *resets;
	struct mirrors *mirrors;

	int signals, listener, monitor, netlink, raw;
	int connections[CONNECTIONS_MAX]; /* -1 = free */
	int session;                      /* place in connections, or -1 */

	bool hops_are_stale;
	uint64_t hops_at_us;              /* the last look */
	uint64_t deadline_us;
	bool has_map_error, has_raw_error, has_mirror_error;
};

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static bool is_attached(const struct steer_daemon *d)
{
	return attach_mode(d->attachment) != STEER_MODE_OFF;
}

/* ---- carrying a decision out ---- */

static void close_connection(struct steer_daemon *d, int place)
{
	close(d->connections[place]);
	d->connections[place] = -1;
	if (place != d->session)
		return;
	d->session = -1;
	state_broker_gone(d->state, now_us());
	d->deadline_us = 0; /* S12: at once */
	log_line(d->log, LOG_INFO, "the broker's connection has closed");
}

/* A broker that does not read its answers starts over. */
static void answer(struct steer_daemon *d, const void *message, size_t size)
{
	if (d->session >= 0 &&
	    send(d->connections[d->session], message, size, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		close_connection(d, d->session);
}

static void reset_sockets(struct steer_daemon *d)
{
	size_t slot_count, count = 0;
	const struct steer_slot *slots = state_slots(d->state, &slot_count);
	struct net_address *addresses =
		mem_alloc((slot_count * STEER_SLOT_ADDRESSES_MAX + 1) * sizeof(*addresses));
	int rc;

	for (size_t i = 0; i < slot_count; i++) {
		for (uint32_t j = 0; j < slots[i].address_count; j++, count++) {
			memcpy(addresses[count].ip, slots[i].addresses[j].ip, 16);
			addresses[count].port = slots[i].addresses[j].port;
		}
	}
	rc = count > 0 ? socket_reset_all(addresses, count) : 0;
	mem_free(addresses);
	if (rc < 0)
		log_line(d->log, LOG_ERROR,
			 "connections on slot addresses cannot be reset (%s), and clients of a "
			 "stopped broker wait: CAP_NET_ADMIN and CONFIG_INET_DIAG_DESTROY are "
			 "needed",
			 strerror(-rc));
	else if (rc > 0)
		log_line(d->log, LOG_WARN, "%d connections on slot addresses were reset", rc);
}

static void write_entries(struct steer_daemon *d)
{
	int rc = maps_write_entries(&d->maps, d->state);

	if (rc < 0 && !d->has_map_error)
		log_line(d->log, LOG_ERROR,
			 "bw_slots cannot be written (%s): packets go to the stack, and user space "
			 "forwards",
			 strerror(-rc));
	d->has_map_error = rc < 0;
}

/* A broker hears of a set once the map has it, or no longer has it (F8). */
static void write_mirrors(struct steer_daemon *d, uint64_t now)
{
	bool is_attached_there = mirroring_is_attached(d->mirroring);
	struct steer_mirror_state news;
	int rc;

	mirrors_decide(d->mirrors, d->state, is_attached_there ? d->link.if_index : 0, now);
	rc = mirrors_write(d->mirrors, d->maps.mirrors);
	if (rc < 0 && !d->has_mirror_error)
		log_line(d->log, LOG_ERROR,
			 "bw_mirrors cannot be written (%s): user space sends to each follower",
			 strerror(-rc));
	d->has_mirror_error = rc < 0;
	while (mirrors_next_news(d->mirrors, &news))
		answer(d, &news, sizeof(news));
}

static void look_at_hops(struct steer_daemon *d, uint64_t now)
{
	hops_look(d->hops, d->netlink, d->state, &d->maps);
	mirroring_check(d->mirroring, d->log);
	mirroring_maps(d->mirroring, &d->maps);
	d->hops_are_stale = false;
	d->hops_at_us = now;
}

static uint64_t hops_due_us(const struct steer_daemon *d)
{
	return d->hops_at_us + (d->hops_are_stale ? HOPS_SPACING_US : HOPS_INTERVAL_US);
}

/* Active reset. */
static void send_syns(struct steer_daemon *d, uint64_t now)
{
	struct steer_flow flow;
	bool has_sent = false;

	while (flow_resets_next(d->resets, d->state, now, &flow)) {
		int rc = forged_syn_send(d->raw, &flow);

		flow_resets_sent(d->resets, rc);
		if (rc < 0 && !d->has_raw_error)
			log_line(d->log, LOG_WARN,
				 "a waiting client of a dead broker cannot be reset: %s",
				 strerror(-rc));
		d->has_raw_error = rc < 0;
		has_sent = true;
	}
	if (has_sent)
		maps_write_resets(&d->maps, flow_resets_stats(d->resets));
}

/* Invariants 1 and 4. */
static void settle(struct steer_daemon *d)
{
	struct steer_lease_lost lost = {.header = {STEER_LEASE_LOST, STEER_PROTOCOL_VERSION, 0}};
	struct state_decision decision;
	uint64_t now = now_us(), announce_us;

	if (now >= hops_due_us(d))
		look_at_hops(d, now);
	state_decide(d->state, is_attached(d), now, &decision);
	write_entries(d);
	write_mirrors(d, now);
	if (decision.lease_lost)
		log_line(d->log, LOG_WARN, "the lease ran out: nothing is announced from here");
	if (decision.reset_sockets)
		reset_sockets(d);
	announce_us = announcer_update(d->announcer, d->state, now);
	d->deadline_us = decision.deadline_us < announce_us ? decision.deadline_us : announce_us;
	if (decision.lease_lost)
		answer(d, &lost, sizeof(lost));
	send_syns(d, now);
}

/* ---- messages ---- */

static void answer_ack(struct steer_daemon *d, uint32_t sequence, int32_t result)
{
	struct steer_ack ack = {
		.header = {STEER_ACK, STEER_PROTOCOL_VERSION, sequence},
		.result = result,
	};

	answer(d, &ack, sizeof(ack));
}

static void take_hello(struct steer_daemon *d, int place, const struct facts_outcome *outcome)
{
	struct steer_hello_ack ack = {
		.header = {STEER_HELLO_ACK, STEER_PROTOCOL_VERSION, outcome->sequence},
		.mode = attach_mode(d->attachment),
		.attached = is_attached(d),
		.lease_ms = (uint32_t)d->config->lease_ms,
		.features = STEER_FEATURE_RESET_FLOWS | STEER_FEATURE_COUNTS,
	};
	int rc;

	if (mirroring_is_attached(d->mirroring))
		ack.features |= STEER_FEATURE_MIRRORS;
	if (d->session >= 0) /* the latest wins */
		close_connection(d, d->session);
	rc = maps_take_over(&d->maps, outcome->hello.cluster_id);
	if (rc > 0)
		state_forget(d->state); /* S8 */
	if (rc < 0)
		log_line(d->log, LOG_ERROR, "bw_cluster cannot be used: %s", strerror(-rc));
	d->session = place;
	state_hello(d->state, outcome->hello.node, now_us());
	mirrors_forget_told(d->mirrors);
	log_line(d->log, LOG_INFO, "broker %u (epoch %llu) is connected", outcome->hello.node,
		 (unsigned long long)outcome->hello.broker_epoch);
	answer(d, &ack, sizeof(ack));
}

static void answer_counts(struct steer_daemon *d, const struct facts_outcome *outcome)
{
	struct steer_counts counts = {
		.header = {STEER_COUNTS, STEER_PROTOCOL_VERSION, outcome->sequence},
	};

	/* What cannot be read stays 0: without a program there is no map of it. */
	for (uint32_t i = 0; i < STEER_VERDICT_COUNT; i++)
		maps_read_verdict(&d->maps, i, &counts.steering[i]);
	for (uint32_t i = 0; i < MIRROR_VERDICT_COUNT; i++)
		maps_read_mirror_verdict(&d->maps, i, &counts.mirroring[i]);
	maps_read_resets(&d->maps, &counts.resets);
	answer(d, &counts, sizeof(counts));
}

static void take_image(struct steer_daemon *d, const struct facts_outcome *outcome)
{
	size_t count;
	bool is_delta;
	const struct steer_leader *leaders = state_leaders(d->state, &count, &is_delta);
	int rc = maps_write_leaders(&d->maps, leaders, count, is_delta);

	if (rc < 0 && rc != -E2BIG) /* full is no news: nothing depends on it */
		log_line(d->log, LOG_WARN, "bw_leaders is incomplete: %s", strerror(-rc));
	look_at_hops(d, now_us());
	settle(d);
	answer_ack(d, outcome->sequence, 0);
}

static void answer_stats(struct steer_daemon *d, const struct facts_outcome *outcome)
{
	struct steer_stats stats = {
		.header = {STEER_STATS, STEER_PROTOCOL_VERSION, outcome->sequence},
		.next_slot = STEER_NOBODY,
	};
	size_t count;
	const struct steer_slot *slots = state_slots(d->state, &count);

	for (size_t i = 0; i < count; i++) {
		if (slots[i].slot < outcome->first_slot)
			continue;
		if (stats.count == STEER_STATS_SLOTS) {
			stats.next_slot = slots[i].slot;
			break;
		}
		stats.slots[stats.count].slot = slots[i].slot;
		maps_read_slot(&d->maps, slots[i].slot, &stats.slots[stats.count].sum); /* off: 0 */
		stats.count++;
	}
	answer(d, &stats, sizeof(stats));
}

static void take_resets(struct steer_daemon *d, const struct steer_reset_flows *resets)
{
	uint64_t now = now_us();

	for (uint32_t i = 0; i < resets->count; i++)
		flow_resets_add(d->resets, d->state, &resets->flows[i], now);
	maps_write_resets(&d->maps, flow_resets_stats(d->resets));
}

static void carry_out(struct steer_daemon *d, int place, const struct facts_outcome *outcome)
{
	switch (outcome->effect) {
	case FACTS_NOTHING:
		return;
	case FACTS_HELLO:
		take_hello(d, place, outcome);
		return;
	case FACTS_IMAGE:
		take_image(d, outcome);
		return;
	case FACTS_ACK:
		settle(d);
		answer_ack(d, outcome->sequence, outcome->result);
		return;
	case FACTS_STATS:
		answer_stats(d, outcome);
		return;
	case FACTS_COUNTS:
		answer_counts(d, outcome);
		return;
	case FACTS_RESETS:
		take_resets(d, &outcome->resets);
		return;
	}
}

/* Returns false when the connection has nothing more to say for now. */
static bool take_message(struct steer_daemon *d, int place)
{
	_Alignas(8) uint8_t bytes[STEER_MESSAGE_BYTES_MAX + 1]; /* too long is seen as too long */
	ssize_t size = recv(d->connections[place], bytes, sizeof(bytes), MSG_DONTWAIT);
	struct facts_outcome outcome;
	const char *reason;

	if (size < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (size <= 0) {
		close_connection(d, place);
		return false;
	}
	if (facts_take(d->state, place == d->session, bytes, (size_t)size, now_us(), &outcome,
		       &reason) < 0) {
		log_line(d->log, LOG_ERROR, "a broker's connection is closed: %s", reason);
		close_connection(d, place);
		return false;
	}
	carry_out(d, place, &outcome);
	return d->connections[place] >= 0;
}

static void take_messages(struct steer_daemon *d, int place)
{
	for (int i = 0; i < MESSAGES_PER_TURN; i++)
		if (!take_message(d, place))
			return;
}

static void accept_connection(struct steer_daemon *d)
{
	uid_t user;
	int connection = server_accept(d->listener, d->broker_user, &user);

	if (connection == -EPERM)
		log_line(d->log, LOG_ERROR,
			 "user %u may not connect: set steer.socket.user to the broker's user",
			 user);
	if (connection < 0)
		return;
	for (int i = 0; i < CONNECTIONS_MAX; i++) {
		if (d->connections[i] < 0) {
			d->connections[i] = connection;
			return;
		}
	}
	close(connection);
}

/* ---- the loop ---- */

static int wait_ms(const struct steer_daemon *d)
{
	uint64_t now = now_us();
	uint64_t until = d->deadline_us < hops_due_us(d) ? d->deadline_us : hops_due_us(d);
	uint64_t syn_us = flow_resets_deadline_us(d->resets);

	if (syn_us < until)
		until = syn_us;
	return until <= now ? 0 : (int)((until - now + 999) / 1000);
}

/* The programs know the interface by its MAC address. */
static int check_link(struct steer_daemon *d)
{
	struct link link;
	int rc = link_find(d->netlink, d->link.if_index, &link);

	if (rc == -ETIMEDOUT)
		return 0;
	if (rc < 0 || memcmp(link.mac, d->link.mac, sizeof(link.mac)) != 0) {
		log_line(d->log, LOG_ERROR,
			 "%s is gone or has another MAC address: start bwsteer again",
			 d->config->interface);
		return -ENODEV;
	}
	return 0;
}

/* Returns 0 to go on, 1 to stop, or -errno. */
static int turn(struct steer_daemon *d)
{
	struct pollfd polls[POLL_CONNECTIONS + CONNECTIONS_MAX] = {
		[POLL_SIGNAL] = {.fd = d->signals, .events = POLLIN},
		[POLL_LISTENER] = {.fd = d->listener, .events = POLLIN},
		[POLL_MONITOR] = {.fd = d->monitor, .events = POLLIN},
	};
	int rc = 0;

	for (int i = 0; i < CONNECTIONS_MAX; i++)
		polls[POLL_CONNECTIONS + i] =
			(struct pollfd){.fd = d->connections[i], .events = POLLIN};
	if (poll(polls, POLL_CONNECTIONS + CONNECTIONS_MAX, wait_ms(d)) < 0)
		return errno == EINTR ? 0 : -errno;
	if (polls[POLL_SIGNAL].revents)
		return 1;
	if (polls[POLL_MONITOR].revents && netlink_drain(d->monitor)) {
		d->hops_are_stale = true;
		rc = check_link(d);
		if (rc < 0)
			return rc;
	}
	settle(d); /* invariant 2 */
	for (int i = 0; i < CONNECTIONS_MAX; i++)
		if (polls[POLL_CONNECTIONS + i].revents && d->connections[i] >= 0)
			take_messages(d, i);
	if (polls[POLL_LISTENER].revents)
		accept_connection(d);
	settle(d);
	return rc;
}

/* ---- start and end ---- */

static int open_signals(void)
{
	sigset_t mask;
	int fd;

	sigemptyset(&mask);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGINT);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

static int find_link(struct steer_daemon *d)
{
	uint32_t if_index = if_nametoindex(d->config->interface);
	int rc;

	d->netlink = netlink_open(NETLINK_ROUTE, 0);
	if (d->netlink < 0)
		return d->netlink;
	rc = if_index ? link_find(d->netlink, if_index, &d->link) : -ENODEV;
	if (rc == 0 && d->link.is_ethernet)
		return 0;
	if (rc < 0)
		log_line(d->log, LOG_ERROR,
			 "there is no interface %s: set steer.interface to one of `ip link`",
			 d->config->interface);
	else
		log_line(d->log, LOG_ERROR,
			 "%s has no MAC address: set steer.interface to an Ethernet link",
			 d->config->interface);
	return -ENODEV;
}

static int open_raw(struct steer_daemon *d)
{
	d->raw = forged_syn_open();
	if (d->raw >= 0)
		return 0;
	log_line(d->log, LOG_ERROR, "no raw socket: %s; give bwsteer CAP_NET_RAW",
		 strerror(-d->raw));
	return d->raw;
}

static int open_sockets(struct steer_daemon *d)
{
	const unsigned groups = 1U << (RTNLGRP_LINK - 1) | 1U << (RTNLGRP_NEIGH - 1) |
				1U << (RTNLGRP_IPV4_ROUTE - 1) | 1U << (RTNLGRP_IPV6_ROUTE - 1);
	char error[SERVER_ERROR_BYTES];

	d->signals = open_signals();
	if (d->signals < 0)
		return d->signals;
	d->monitor = netlink_open(NETLINK_ROUTE, groups);
	if (d->monitor < 0)
		return d->monitor;
	d->listener = server_listen(d->config->socket, error);
	if (d->listener < 0)
		log_line(d->log, LOG_ERROR, "%s", error);
	return d->listener;
}

static int attach(struct steer_daemon *d)
{
	struct attach_options options = {
		.wish = (enum attach_wish)d->config->mode,
		.interface = d->config->interface,
		.instance = d->config->instance,
		.link = &d->link,
		.grace_us = (uint64_t)d->config->grace_ms * 1000,
	};
	char error[ATTACH_ERROR_BYTES] = "";
	int rc = attach_new(&options, d->log, &d->attachment, error);

	if (rc < 0) {
		log_line(d->log, LOG_ERROR, "%s", error);
		return rc;
	}
	d->maps = attach_maps(d->attachment);
	d->mirroring =
		mirroring_new(d->config->interface, d->link.if_index, d->config->instance,
			      is_attached(d) && d->config->mirror == MIRROR_ATTACH_AUTO, d->log);
	mirroring_maps(d->mirroring, &d->maps);
	maps_load_entries(&d->maps, d->state);
	return 0;
}

static int check_capabilities(struct steer_daemon *d)
{
	const char *missing = capability_missing(d->config->mode != ATTACH_OFF);

	if (!missing)
		return 0;
	log_line(d->log, LOG_ERROR,
		 "%s is missing: run bwsteer as root, or give it the capability (setcap "
		 "cap_bpf,cap_net_admin,cap_net_raw+ep BWSTEER)",
		 missing);
	return -EPERM;
}

/* S12 races the clients of a dead broker: they connect again within a millisecond, and whoever
 * comes before the end of its socket has been seen here is refused. Eight kills in the lab, on two
 * busy cores: 10 refused connections without this, 1 with it. */
static void hurry(struct steer_daemon *d)
{
	const struct sched_param lowest = {.sched_priority = 1};

	if (sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &lowest) < 0)
		log_line(d->log, LOG_INFO,
			 "no real-time priority (%s): more clients of a broker that dies are "
			 "refused before they are steered on; LimitRTPRIO=1 in the systemd unit "
			 "or `chrt --rr 1` gives it",
			 strerror(errno));
}

static int start(struct steer_daemon *d)
{
	struct announcer_options options = {
		.interface = d->config->interface,
		.lease_us = (uint64_t)d->config->lease_ms * 1000,
		.interval_us = (uint64_t)d->config->announce_ms * 1000,
	};
	int rc = check_capabilities(d);

	if (rc == 0)
		rc = find_link(d);
	if (rc == 0)
		rc = open_raw(d);
	if (rc == 0)
		rc = open_sockets(d); /* finds another bwsteer before anything of its is touched */
	if (rc >= 0)
		rc = attach(d);
	options.link = d->link;
	if (rc == 0)
		hurry(d);
	if (rc == 0)
		rc = announcer_new(&options, d->log, &d->announcer);
	return rc;
}

static void close_if_open(int fd)
{
	if (fd >= 0)
		close(fd);
}

static void stop(struct steer_daemon *d)
{
	mirroring_free(d->mirroring);
	attach_free(d->attachment);
	announcer_free(d->announcer);
	hops_free(d->hops);
	state_free(d->state);
	flow_resets_free(d->resets);
	mirrors_free(d->mirrors);
	for (int i = 0; i < CONNECTIONS_MAX; i++)
		close_if_open(d->connections[i]);
	if (d->listener >= 0)
		unlink(d->config->socket);
	close_if_open(d->listener);
	close_if_open(d->signals);
	close_if_open(d->monitor);
	close_if_open(d->netlink);
	close_if_open(d->raw);
	mem_free(d);
}

int daemon_run(const struct config *config, uid_t broker_user, void (*ready)(void), struct log *log)
{
	struct steer_daemon *d = mem_alloc(sizeof(*d));
	int rc;

	d->config = config;
	d->log = log;
	d->broker_user = broker_user;
	d->signals = d->listener = d->monitor = d->netlink = d->raw = d->session = -1;
	for (int i = 0; i < CONNECTIONS_MAX; i++)
		d->connections[i] = -1;
	d->hops = hops_new();
	d->resets = flow_resets_new();
	d->mirrors = mirrors_new();
	d->state = state_new((struct state_times){
		.lease_us = (uint64_t)config->lease_ms * 1000,
		.orphan_us = (uint64_t)config->orphan_ms * 1000,
	});
	rc = start(d);
	if (rc == 0)
		ready();
	while (rc == 0)
		rc = turn(d);
	stop(d);
	return rc < 0 ? rc : 0;
}
