/* What bwsteer knows and what should be true because of it: facts and times in, wanted map entries,
 * announcements and resets out. No I/O and no clock: the daemon passes now_us (boot clock) and
 * carries the decision out. One thread. Keeps S2, S8, S10 (its entries' side), S12 and F3. */
#pragma once

#include "bellwether/steer_facts.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uthash.h>

struct state_times {
	uint64_t lease_us;  /* S2: a renewal lasts at most this long */
	uint64_t orphan_us; /* S12: how long orphaned entries live */
};

/* How to reach a broker. */
struct next_hop {
	bool resolved;
	uint32_t if_index;
	uint8_t next_mac[6];
	uint8_t own_mac[6]; /* of that interface */
};

/* An entry of bw_slots: `wanted` is the state's, `written` the map writer's. An entry that is no
 * longer wanted stays known, because its epoch still bounds what may come (S8). */
struct state_entry {
	struct slot_key key;
	struct slot_value wanted;
	struct slot_value written;
	bool is_wanted;
	bool is_written;
	UT_hash_handle hh;
};

/* An address that slots have: local on every node (S3), announced by one. */
struct state_address {
	uint8_t ip[16];
	bool is_local;   /* in the current image */
	bool is_decided; /* state_decide()'s own */
	bool announced;  /* this node is the announcer, under its lease */
	/* S12 where no program steers: announced for the successor as this node withdraws, because
	 * until the next announcer is elected this node's kernel refuses who connects. */
	bool is_bequeathed;
	uint8_t heir_mac[6];
	UT_hash_handle hh;
};

struct state_decision {
	bool lease_lost;      /* it has just run out: tell the broker */
	bool reset_sockets;   /* S2: SOCK_DESTROY on all slot addresses, before withdrawing */
	uint64_t deadline_us; /* decide again by then; UINT64_MAX: nothing is due */
};

struct state;

struct state *state_new(struct state_times times);
void state_free(struct state *s);

/* An entry that the pinned map already holds, at start: S8's floor. */
void state_load_entry(struct state *s, const struct slot_key *key, const struct slot_value *value);
/* Forgets everything: the maps are emptied for another cluster (S8). */
void state_forget(struct state *s);

/* A broker's session begins; ends the one before. */
void state_hello(struct state *s, uint32_t node, uint64_t now_us);
/* The broker's socket closed (S12). */
void state_broker_gone(struct state *s, uint64_t now_us);
void state_lease(struct state *s, uint64_t renewed_at_us, uint64_t duration_us, uint64_t now_us);
/* Returns 0, or -ENOENT when the image has no such slot. */
int state_withdraw(struct state *s, uint32_t slot, bool withdrawn);

/* An image in pieces. Each returns 0 or -EINVAL (-E2BIG past a limit), and then the image that was
 * begun is dropped; what was applied before stays. state_image_end() makes it the current one. */
int state_image_begin(struct state *s, const struct steer_image_begin *begin);
int state_image_slot(struct state *s, const struct steer_slot *slot);
int state_image_broker(struct state *s, const struct steer_broker *broker);
int state_image_leader(struct state *s, const struct steer_leader *leader);
int state_image_mirror(struct state *s, const struct steer_mirror_set *set);
int state_image_end(struct state *s, const struct steer_image_end *end, uint64_t now_us);

/* Next hops by node and address family, as they become known or are lost. */
void state_set_hop(struct state *s, uint32_t node, bool ipv6, const struct next_hop *hop);

/* How to reach that node at that address of its own. Returns false while it is not known. */
bool state_find_hop(const struct state *s, uint32_t node, const uint8_t ip[16],
		    struct next_hop *ret_hop);

/* Brings entries and addresses up to date. attached: a program steers. */
void state_decide(struct state *s, bool attached, uint64_t now_us, struct state_decision *ret);

/* Hash tables of the above, for HASH_ITER. */
struct state_entry *state_entries(struct state *s);
struct state_address *state_addresses(struct state *s);

/* The current image: slots by rising id, brokers and leaders as they came. */
const struct steer_slot *state_slots(const struct state *s, size_t *ret_count);
const struct steer_broker *state_brokers(const struct state *s, size_t *ret_count);
const struct steer_leader *state_leaders(const struct state *s, size_t *ret_count, bool *ret_delta);
/* Does this node hold that slot since that epoch, as the current image says? */
bool state_holds(const struct state *s, uint32_t slot, uint64_t slot_epoch);
/* What the broker asks for, as long as it serves: in session, with a lease and an image of it. */
const struct steer_mirror_set *state_mirror_sets(const struct state *s, uint64_t now_us,
						 size_t *ret_count);
uint32_t state_self(const struct state *s);
bool state_lease_is_valid(const struct state *s, uint64_t now_us);
