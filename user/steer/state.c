/* Owns bwsteer's knowledge: the current image, the lease, next hops, and the entries and addresses
 * that follow from them. Leaves carrying out to the daemon.
 *
 *            state_image_end() and state_lease(), in either order
 *   IDLE ------------------------------------------------------> SERVING
 *    ^                                                            |   |
 *    |                     state_broker_gone(), state_hello() (S12)   | the lease runs out (S2),
 *    |                                                            v   | found by state_decide()
 *    |       the lease runs out, found by state_decide()    ORPHANED  |
 *    +--------------------------------------------------------+-------+
 *
 * 1. An entry's slot epoch never falls (S8, F3); an image that is older for a slot leaves the
 *    slot's entries alone, and they expire.
 * 2. No entry outlives the lease (S2), but orphaned ones, for orphan_us (S12).
 * 3. An address is announced only while the lease lasts, and after it was lost only once a whole
 *    image and a renewal have come. */
#include "steer/state.h"

#include "base/mem.h"
#include "steer/image.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

struct hop {
	struct hop_key {
		uint32_t node;
		uint32_t ipv6;
	} key;
	struct next_hop next;
	UT_hash_handle hh;
};

struct state {
	struct state_times times;
	struct image *image;    /* the current one; an empty one at first */
	bool has_image;         /* false: the entries are those of an earlier life */
	struct image *building; /* NULL between images */
	struct state_entry *entries;
	struct state_address *addresses;
	struct hop *hops;

	uint32_t self; /* STEER_NOBODY before the first HELLO */
	bool in_session;
	bool image_is_fresh; /* came in this session, and since the lease was last lost */
	bool had_lease;      /* the end of the lease has not been noticed yet */
	bool lost;           /* the lease ran out and nothing has healed that */
	bool repeats_reset;  /* lost in a session that goes on: a stopped broker accepts */
	uint64_t lease_until_us;
	uint64_t orphaned_at_us; /* 0 = not orphaned */
	uint64_t reset_at_us;    /* the last reset */

	bool withdrawn[STEER_SLOTS_MAX];           /* S4 */
	uint64_t withdrawn_epoch[STEER_SLOTS_MAX]; /* the slot epoch of that time */
};

static struct image *new_empty_image(void)
{
	static const struct steer_image_begin nothing;
	struct image *image;

	image_new(&nothing, &image); /* it is within every limit */
	return image;
}

struct state *state_new(struct state_times times)
{
	struct state *s = mem_alloc(sizeof(*s));

	s->times = times;
	s->self = STEER_NOBODY;
	s->image = new_empty_image();
	return s;
}

static void forget_tables(struct state *s)
{
	struct state_entry *entry, *next_entry;
	struct state_address *address, *next_address;
	struct hop *hop, *next_hop;

	HASH_ITER(hh, s->entries, entry, next_entry) {
		HASH_DEL(s->entries, entry);
		mem_free(entry);
	}
	HASH_ITER(hh, s->addresses, address, next_address) {
		HASH_DEL(s->addresses, address);
		mem_free(address);
	}
	HASH_ITER(hh, s->hops, hop, next_hop) {
		HASH_DEL(s->hops, hop);
		mem_free(hop);
	}
}

void state_forget(struct state *s)
{
	struct state_times times = s->times;

	forget_tables(s);
	image_free(s->image);
	image_free(s->building);
	memset(s, 0, sizeof(*s));
	s->times = times;
	s->self = STEER_NOBODY;
	s->image = new_empty_image();
}

void state_free(struct state *s)
{
	if (!s)
		return;
	forget_tables(s);
	image_free(s->image);
	image_free(s->building);
	mem_free(s);
}

/* ---- facts ---- */

static bool is_serving(const struct state *s, uint64_t now_us)
{
	return s->in_session && s->image_is_fresh && state_lease_is_valid(s, now_us);
}

static void drop_building(struct state *s)
{
	image_free(s->building);
	s->building = NULL;
}

/* S12: at once, and from the first of several reasons. */
static void become_orphaned(struct state *s, uint64_t now_us)
{
	if (s->orphaned_at_us == 0)
		s->orphaned_at_us = now_us;
}

static void heal_if_serving(struct state *s, uint64_t now_us)
{
	if (!is_serving(s, now_us))
		return;
	s->orphaned_at_us = 0;
	s->lost = false;
	s->repeats_reset = false;
}

void state_hello(struct state *s, uint32_t node, uint64_t now_us)
{
	state_broker_gone(s, now_us);
	if (s->self != STEER_NOBODY && node != s->self)
		state_forget(s); /* another node's image and lease are nobody's */
	s->self = node;
	s->in_session = true;
	s->image_is_fresh = false;
}

void state_broker_gone(struct state *s, uint64_t now_us)
{
	if (!s->in_session)
		return;
	if (state_lease_is_valid(s, now_us))
		become_orphaned(s, now_us);
	s->in_session = false;
	s->repeats_reset = false;
	drop_building(s);
}

void state_lease(struct state *s, uint64_t renewed_at_us, uint64_t duration_us, uint64_t now_us)
{
	uint64_t from = renewed_at_us < now_us ? renewed_at_us : now_us;
	uint64_t until = from + (duration_us < s->times.lease_us ? duration_us : s->times.lease_us);

	if (until <= now_us || until < s->lease_until_us)
		return; /* it lay in a queue for too long */
	/* A lease that ended unnoticed was lost all the same. */
	if (s->had_lease && !state_lease_is_valid(s, now_us))
		return;
	s->lease_until_us = until;
	s->had_lease = true;
	heal_if_serving(s, now_us);
}

int state_withdraw(struct state *s, uint32_t slot, bool withdrawn)
{
	const struct steer_slot *fact = image_slot(s->image, slot);

	if (!fact)
		return -ENOENT;
	s->withdrawn[slot] = withdrawn;
	s->withdrawn_epoch[slot] = fact->slot_epoch;
	return 0;
}

static int drop_unless(struct state *s, int rc)
{
	if (rc < 0)
		drop_building(s);
	return rc;
}

int state_image_begin(struct state *s, const struct steer_image_begin *begin)
{
	drop_building(s);
	return image_new(begin, &s->building);
}

int state_image_slot(struct state *s, const struct steer_slot *slot)
{
	return s->building ? drop_unless(s, image_add_slot(s->building, slot)) : -EINVAL;
}

int state_image_broker(struct state *s, const struct steer_broker *broker)
{
	return s->building ? drop_unless(s, image_add_broker(s->building, broker)) : -EINVAL;
}

int state_image_leader(struct state *s, const struct steer_leader *leader)
{
	return s->building ? drop_unless(s, image_add_leader(s->building, leader)) : -EINVAL;
}

int state_image_mirror(struct state *s, const struct steer_mirror_set *set)
{
	return s->building ? drop_unless(s, image_add_mirror(s->building, set)) : -EINVAL;
}

int state_image_end(struct state *s, const struct steer_image_end *end, uint64_t now_us)
{
	int rc = s->building ? drop_unless(s, image_seal(s->building, end)) : -EINVAL;

	if (rc < 0)
		return rc;
	image_free(s->image);
	s->image = s->building;
	s->building = NULL;
	for (size_t i = 0; i < s->image->slot_count; i++) {
		const struct steer_slot *slot = &s->image->slots[i];

		if (slot->slot_epoch > s->withdrawn_epoch[slot->slot])
			s->withdrawn[slot->slot] = false;
	}
	s->has_image = true;
	s->image_is_fresh = true;
	heal_if_serving(s, now_us);
	return 0;
}

static bool is_ipv6(const uint8_t ip[16])
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	return memcmp(ip, mapped, sizeof(mapped)) != 0;
}

void state_set_hop(struct state *s, uint32_t node, bool ipv6, const struct next_hop *next)
{
	struct hop_key key = {.node = node, .ipv6 = ipv6};
	struct hop *hop;

	HASH_FIND(hh, s->hops, &key, sizeof(key), hop);
	if (!hop) {
		hop = mem_alloc(sizeof(*hop));
		hop->key = key;
		HASH_ADD(hh, s->hops, key, sizeof(key), hop);
	}
	hop->next = *next;
}

bool state_find_hop(const struct state *s, uint32_t node, const uint8_t ip[16],
		    struct next_hop *ret_hop)
{
	const struct steer_broker *broker = image_broker(s->image, node);
	struct hop_key key = {.node = node, .ipv6 = is_ipv6(ip)};
	struct hop *hop;

	HASH_FIND(hh, s->hops, &key, sizeof(key), hop);
	if (!broker || memcmp(key.ipv6 ? broker->ipv6 : broker->ipv4, ip, 16) != 0 || !hop ||
	    !hop->next.resolved)
		return false;
	*ret_hop = hop->next;
	return true;
}

/* ---- entries ---- */

static struct state_entry *get_entry(struct state *s, const struct slot_key *key)
{
	struct state_entry *entry;

	HASH_FIND(hh, s->entries, key, sizeof(*key), entry);
	if (!entry) {
		entry = mem_alloc(sizeof(*entry));
		entry->key = *key;
		HASH_ADD(hh, s->entries, key, sizeof(*key), entry);
	}
	return entry;
}

void state_load_entry(struct state *s, const struct slot_key *key, const struct slot_value *value)
{
	struct state_entry *entry = get_entry(s, key);

	entry->wanted = *value;
	entry->written = *value;
	entry->is_wanted = true;
	entry->is_written = true;
}

static void point_at(const struct state *s, struct slot_value *value, uint32_t node, bool ipv6)
{
	struct hop_key key = {.node = node, .ipv6 = ipv6};
	struct hop *hop;

	value->holder = node;
	if (node == s->self) {
		value->flags |= SLOT_LOCAL;
		return;
	}
	HASH_FIND(hh, s->hops, &key, sizeof(key), hop);
	if (!hop || !hop->next.resolved) {
		value->flags |= SLOT_UNRESOLVED; /* S10: user space forwards */
		return;
	}
	value->if_index = hop->next.if_index;
	memcpy(value->next_mac, hop->next.next_mac, sizeof(value->next_mac));
	memcpy(value->own_mac, hop->next.own_mac, sizeof(value->own_mac));
}

static struct slot_value value_of(const struct state *s, const struct steer_slot *slot,
				  const struct steer_address *address)
{
	struct slot_value value = {
		.slot_epoch = slot->slot_epoch,
		.valid_until_ns = s->lease_until_us * 1000, /* S2 */
		.slot = slot->slot,
		.port = address->port,
	};
	uint32_t holder = slot->holder;

	if (holder == s->self && s->orphaned_at_us != 0) {
		value.valid_until_ns = (s->orphaned_at_us + s->times.orphan_us) * 1000; /* S12 */
		if (slot->successor != STEER_NOBODY && slot->successor != s->self) {
			holder = slot->successor;
			value.flags |= SLOT_ORPHANED;
		}
	}
	point_at(s, &value, holder, is_ipv6(address->ip));
	return value;
}

/* An entry is rewritten for time alone only when a quarter of a lease has been gained. */
static bool is_close_enough(const struct state *s, const struct slot_value *old,
			    const struct slot_value *value, const struct slot_key *key)
{
	struct slot_value renewed = *old;

	if (value->valid_until_ns < old->valid_until_ns ||
	    value->valid_until_ns - old->valid_until_ns >= s->times.lease_us * 1000 / 4)
		return false;
	renewed.valid_until_ns = value->valid_until_ns;
	return slot_check(key, &renewed) == slot_check(key, value);
}

static void update_entry(struct state *s, const struct steer_slot *slot,
			 const struct steer_address *address)
{
	struct slot_key key = {.port = htons(address->port)};
	struct state_entry *entry;
	struct slot_value value;

	memcpy(key.address, address->ip, sizeof(key.address));
	entry = get_entry(s, &key);
	entry->is_wanted = true;
	if (entry->wanted.slot_epoch > slot->slot_epoch)
		return; /* S8 */
	value = value_of(s, slot, address);
	if (is_close_enough(s, &entry->wanted, &value, &key))
		return;
	value.check = slot_check(&key, &value);
	entry->wanted = value;
}

static void update_entries(struct state *s)
{
	struct state_entry *entry, *next;

	HASH_ITER(hh, s->entries, entry, next)
		entry->is_wanted = false;
	for (size_t i = 0; i < s->image->slot_count; i++)
		for (uint32_t j = 0; j < s->image->slots[i].address_count; j++)
			update_entry(s, &s->image->slots[i], &s->image->slots[i].addresses[j]);
}

/* ---- addresses ---- */

static bool has_bwsteer(const struct state *s, uint32_t node)
{
	const struct steer_broker *broker = image_broker(s->image, node);

	return broker && (broker->flags & STEER_BROKER_HAS_BWSTEER);
}

static struct state_address *get_address(struct state *s, const uint8_t ip[16])
{
	struct state_address *address;

	HASH_FIND(hh, s->addresses, ip, 16, address);
	if (!address) {
		address = mem_alloc(sizeof(*address));
		memcpy(address->ip, ip, sizeof(address->ip));
		HASH_ADD(hh, s->addresses, ip, sizeof(address->ip), address);
	}
	return address;
}

/* The broker of the address's slot is gone, and its successor listens to the address too (S3). */
static void bequeath(const struct state *s, struct state_address *address,
		     const struct steer_slot *slot)
{
	struct hop_key key = {.node = slot->successor, .ipv6 = is_ipv6(address->ip)};
	struct hop *hop;

	HASH_FIND(hh, s->hops, &key, sizeof(key), hop);
	if (!hop || !hop->next.resolved || !has_bwsteer(s, slot->successor))
		return;
	address->is_bequeathed = true;
	memcpy(address->heir_mac, hop->next.next_mac, sizeof(address->heir_mac));
}

/* Slots come by rising id, so the first one whose holder has a bwsteer decides for its address. */
static void update_address(struct state *s, const struct steer_slot *slot, const uint8_t ip[16],
			   bool may_announce)
{
	struct state_address *address = get_address(s, ip);

	address->is_local = true; /* S3 */
	if (address->is_decided || !has_bwsteer(s, slot->holder))
		return;
	address->is_decided = true;
	address->announced = may_announce && slot->holder == s->self && !s->withdrawn[slot->slot];
	if (slot->holder == s->self && !s->in_session && s->orphaned_at_us != 0)
		bequeath(s, address, slot);
}

static void update_addresses(struct state *s, bool may_announce)
{
	struct state_address *address, *next;

	HASH_ITER(hh, s->addresses, address, next) {
		address->is_local = false;
		address->is_decided = false;
		address->announced = false;
		address->is_bequeathed = false;
	}
	for (size_t i = 0; i < s->image->slot_count; i++) {
		const struct steer_slot *slot = &s->image->slots[i];

		for (uint32_t j = 0; j < slot->address_count; j++)
			update_address(s, slot, slot->addresses[j].ip, may_announce);
	}
}

/* ---- the decision ---- */

static void notice_lost_lease(struct state *s, uint64_t now_us, struct state_decision *decision)
{
	s->had_lease = false;
	s->lost = true;
	s->image_is_fresh = false;
	s->repeats_reset = s->in_session;
	become_orphaned(s, now_us);
	decision->lease_lost = s->in_session;
	decision->reset_sockets = true;
	s->reset_at_us = now_us;
}

static uint64_t next_deadline(const struct state *s)
{
	uint64_t deadline_us = s->had_lease ? s->lease_until_us : UINT64_MAX;
	uint64_t reset_us = s->reset_at_us + s->times.lease_us;

	return s->repeats_reset && reset_us < deadline_us ? reset_us : deadline_us;
}

void state_decide(struct state *s, bool attached, uint64_t now_us, struct state_decision *ret)
{
	struct state_decision decision = {0};
	bool may_announce;

	if (s->had_lease && !state_lease_is_valid(s, now_us)) {
		notice_lost_lease(s, now_us, &decision);
	} else if (s->repeats_reset && now_us >= s->reset_at_us + s->times.lease_us) {
		decision.reset_sockets = true;
		s->reset_at_us = now_us;
	}
	/* S2: without a broker the lease's last second belongs to S12, if a program serves it. */
	may_announce =
		state_lease_is_valid(s, now_us) && !s->lost && (is_serving(s, now_us) || attached);
	if (s->has_image)
		update_entries(s);
	update_addresses(s, may_announce);
	decision.deadline_us = next_deadline(s);
	*ret = decision;
}

/* ---- what others may see ---- */

struct state_entry *state_entries(struct state *s)
{
	return s->entries;
}

struct state_address *state_addresses(struct state *s)
{
	return s->addresses;
}

const struct steer_slot *state_slots(const struct state *s, size_t *ret_count)
{
	*ret_count = s->image->slot_count;
	return s->image->slots;
}

const struct steer_broker *state_brokers(const struct state *s, size_t *ret_count)
{
	*ret_count = s->image->broker_count;
	return s->image->brokers;
}

const struct steer_leader *state_leaders(const struct state *s, size_t *ret_count, bool *ret_delta)
{
	*ret_count = s->image->leader_count < STEER_LEADERS_MAX ? s->image->leader_count
								: STEER_LEADERS_MAX;
	*ret_delta = s->image->begin.flags & STEER_IMAGE_LEADERS_DELTA;
	return s->image->leaders;
}

bool state_holds(const struct state *s, uint32_t slot, uint64_t slot_epoch)
{
	const struct steer_slot *fact = image_slot(s->image, slot);

	return fact && fact->holder == s->self && fact->slot_epoch == slot_epoch;
}

const struct steer_mirror_set *state_mirror_sets(const struct state *s, uint64_t now_us,
						 size_t *ret_count)
{
	*ret_count = is_serving(s, now_us) && !s->lost ? s->image->mirror_count : 0;
	return s->image->mirrors;
}

uint32_t state_self(const struct state *s)
{
	return s->self;
}

bool state_lease_is_valid(const struct state *s, uint64_t now_us)
{
	return now_us < s->lease_until_us;
}
