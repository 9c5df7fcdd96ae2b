/* Owns the mirror sets between what the broker asks for and what the kernel has.
 *
 *   state -> mirrors_decide() -> wanted -> mirrors_write() -> map -> mirrors_next_news() -> broker
 *
 * 1. The broker is told "in place" only of a set that is in the map as it asked for it.
 * 2. A set that is not wanted, or that cannot be brought up to date, is not in the map (F8). */
#include "steer/mirrors.h"

#include "base/mem.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

struct entry {
	uint32_t slot;
	uint64_t id; /* of the set that is wanted */
	struct mirror_set wanted, written;
	bool is_wanted, is_written;
	uint64_t told_id; /* 0: nothing, or that it is not in place */
	UT_hash_handle hh;
};

struct mirrors {
	struct entry *entries;
};

struct mirrors *mirrors_new(void)
{
	return mem_alloc(sizeof(struct mirrors));
}

void mirrors_free(struct mirrors *m)
{
	struct entry *entry, *next;

	if (!m)
		return;
	HASH_ITER(hh, m->entries, entry, next) {
		HASH_DEL(m->entries, entry);
		mem_free(entry);
	}
	mem_free(m);
}

void mirrors_forget_told(struct mirrors *m)
{
	struct entry *entry, *next;

	HASH_ITER(hh, m->entries, entry, next)
		entry->told_id = 0;
}

/* ---- what is wanted ---- */

static struct entry *get_entry(struct mirrors *m, uint32_t slot)
{
	struct entry *entry;

	HASH_FIND(hh, m->entries, &slot, sizeof(slot), entry);
	if (!entry) {
		entry = mem_alloc(sizeof(*entry));
		entry->slot = slot;
		HASH_ADD(hh, m->entries, slot, sizeof(slot), entry);
	}
	return entry;
}

/* Returns false while the follower cannot be reached through the program's interface. */
static bool make_follower(const struct state *s, const struct steer_mirror_follower *fact,
			  uint32_t if_index, struct mirror_follower *to)
{
	struct next_hop hop;

	if (!state_find_hop(s, fact->node, fact->address.ip, &hop) || hop.if_index != if_index)
		return false;
	memcpy(to->address, fact->address.ip, sizeof(to->address));
	to->port = htons(fact->address.port);
	memcpy(to->next_mac, hop.next_mac, sizeof(to->next_mac));
	return true;
}

static bool make_set(const struct state *s, const struct steer_mirror_set *fact, uint32_t if_index,
		     struct mirror_set *ret_set)
{
	struct mirror_set set;
	bool is_whole = if_index != 0 && state_holds(s, fact->slot, fact->slot_epoch);

	memset(&set, 0, sizeof(set));
	set.slot_epoch = fact->slot_epoch;
	set.if_index = if_index;
	set.count = fact->count;
	memcpy(set.own_address, fact->own.ip, sizeof(set.own_address));
	set.own_port = htons(fact->own.port);
	for (uint32_t i = 0; is_whole && i < fact->count; i++)
		is_whole = make_follower(s, &fact->followers[i], if_index, &set.followers[i]);
	set.check = mirror_check(fact->slot, &set);
	if (is_whole)
		*ret_set = set;
	return is_whole;
}

void mirrors_decide(struct mirrors *m, const struct state *s, uint32_t if_index, uint64_t now_us)
{
	size_t count;
	const struct steer_mirror_set *facts = state_mirror_sets(s, now_us, &count);
	struct entry *entry, *next;

	HASH_ITER(hh, m->entries, entry, next)
		entry->is_wanted = false;
	for (size_t i = 0; i < count; i++) {
		entry = get_entry(m, facts[i].slot);
		entry->id = facts[i].id;
		entry->is_wanted = make_set(s, &facts[i], if_index, &entry->wanted);
	}
}

/* ---- the map ---- */

static bool is_in_place(const struct entry *entry)
{
	return entry->is_wanted && entry->is_written &&
	       memcmp(&entry->wanted, &entry->written, sizeof(entry->wanted)) == 0;
}

static int remove_set(int map, struct entry *entry)
{
	if (!entry->is_written)
		return 0;
	if (bpf_map_delete_elem(map, &entry->slot) < 0 && errno != ENOENT)
		return -errno;
	entry->is_written = false;
	return 0;
}

static int write_set(int map, struct entry *entry)
{
	int rc;

	if (!entry->is_wanted)
		return remove_set(map, entry);
	if (is_in_place(entry))
		return 0;
	if (bpf_map_update_elem(map, &entry->slot, &entry->wanted, BPF_ANY) == 0) {
		entry->written = entry->wanted;
		entry->is_written = true;
		return 0;
	}
	rc = -errno;
	remove_set(map, entry); /* invariant 2 */
	return rc;
}

int mirrors_write(struct mirrors *m, int map)
{
	struct entry *entry, *next;
	int rc = 0;

	if (map < 0)
		return 0;
	HASH_ITER(hh, m->entries, entry, next) {
		int one = write_set(map, entry);

		if (rc == 0)
			rc = one;
	}
	return rc;
}

/* ---- the broker ---- */

bool mirrors_next_news(struct mirrors *m, struct steer_mirror_state *ret_news)
{
	struct entry *entry, *next;

	HASH_ITER(hh, m->entries, entry, next) {
		bool in_place = is_in_place(entry);

		if (entry->told_id == (in_place ? entry->id : 0))
			continue;
		*ret_news = (struct steer_mirror_state){
			.header = {STEER_MIRROR_STATE, STEER_PROTOCOL_VERSION, 0},
			.id = in_place ? entry->id : entry->told_id,
			.slot = entry->slot,
			.in_place = in_place,
		};
		entry->told_id = in_place ? entry->id : 0;
		return true;
	}
	return false;
}
