/* Owns the dialogue with the maps. An absent map (mode off) is written to with success: there is
 * nobody to read it. */
#include "steer/maps.h"

#include "base/mem.h"
#include "steer/pins.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { KEY_BYTES_MAX = sizeof(struct leader_key) };

static int open_into(const char *instance, const char *map, int *ret_fd)
{
	int fd = pins_open(instance, map);

	if (fd < 0)
		return fd;
	*ret_fd = fd;
	return 0;
}

int maps_open(const char *instance, struct maps *ret_maps)
{
	struct maps maps = MAPS_NONE;
	int rc = open_into(instance, "bw_slots", &maps.slots);

	if (rc == 0)
		rc = open_into(instance, "bw_peers", &maps.peers);
	if (rc == 0)
		rc = open_into(instance, "bw_leaders", &maps.leaders);
	if (rc == 0)
		rc = open_into(instance, "bw_cluster", &maps.cluster);
	if (rc == 0)
		rc = open_into(instance, "bw_verdicts", &maps.verdicts);
	if (rc == 0)
		rc = open_into(instance, "bw_slot_stats", &maps.slot_stats);
	if (rc == 0)
		rc = open_into(instance, "bw_resets", &maps.resets);
	if (rc < 0) {
		maps_close(&maps);
		return rc;
	}
	open_into(instance, "bw_mirrors", &maps.mirrors);
	open_into(instance, "bw_mirror_verdicts", &maps.mirror_verdicts);
	*ret_maps = maps;
	return 0;
}

void maps_close(struct maps *maps)
{
	int *const fds[] = {&maps->slots,    &maps->peers,      &maps->leaders, &maps->cluster,
			    &maps->verdicts, &maps->slot_stats, &maps->resets,  &maps->mirrors,
			    &maps->mirror_verdicts};

	for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++) {
		if (*fds[i] >= 0)
			close(*fds[i]);
		*fds[i] = -1;
	}
}

/* ---- whole tables ---- */

/* Calls each(context, key) for every key; each may delete that key. */
static void for_each_key(int map, void (*each)(void *context, const void *key), void *context)
{
	_Alignas(8) uint8_t key[KEY_BYTES_MAX], next[KEY_BYTES_MAX];
	int rc = bpf_map_get_next_key(map, NULL, next);

	while (rc == 0) {
		memcpy(key, next, sizeof(key));
		rc = bpf_map_get_next_key(map, key, next);
		each(context, key);
	}
}

static void delete_key(void *context, const void *key)
{
	bpf_map_delete_elem(*(const int *)context, key);
}

static void empty(int map)
{
	for_each_key(map, delete_key, &map);
}

int maps_take_over(const struct maps *maps, const uint8_t cluster_id[16])
{
	struct cluster_value ours = {0}, known;
	uint32_t zero = 0;

	if (maps->cluster < 0)
		return 0;
	memcpy(ours.cluster_id, cluster_id, sizeof(ours.cluster_id));
	if (bpf_map_lookup_elem(maps->cluster, &zero, &known) < 0)
		return -errno;
	if (memcmp(&known, &ours, sizeof(ours)) == 0)
		return 0;
	empty(maps->slots);
	empty(maps->peers);
	empty(maps->leaders);
	return bpf_map_update_elem(maps->cluster, &zero, &ours, BPF_ANY) < 0 ? -errno : 1;
}

struct load {
	int map;
	struct state *state;
};

static void load_entry(void *context, const void *key)
{
	const struct load *load = context;
	struct slot_value value;

	if (bpf_map_lookup_elem(load->map, key, &value) == 0)
		state_load_entry(load->state, key, &value);
}

void maps_load_entries(const struct maps *maps, struct state *s)
{
	struct load load = {maps->slots, s};

	if (maps->slots >= 0)
		for_each_key(maps->slots, load_entry, &load);
}

/* ---- bw_slots ---- */

static int write_entry(int map, struct state_entry *entry)
{
	if (!entry->is_wanted) {
		if (!entry->is_written)
			return 0;
		if (bpf_map_delete_elem(map, &entry->key) < 0 && errno != ENOENT)
			return -errno;
		entry->is_written = false;
		return 0;
	}
	if (entry->is_written &&
	    memcmp(&entry->wanted, &entry->written, sizeof(entry->wanted)) == 0)
		return 0;
	if (bpf_map_update_elem(map, &entry->key, &entry->wanted, BPF_ANY) < 0)
		return -errno;
	entry->written = entry->wanted;
	entry->is_written = true;
	return 0;
}

int maps_write_entries(const struct maps *maps, struct state *s)
{
	struct state_entry *entry, *next;
	int rc = 0;

	if (maps->slots < 0)
		return 0;
	HASH_ITER(hh, state_entries(s), entry, next) {
		int one = write_entry(maps->slots, entry);

		if (rc == 0)
			rc = one;
	}
	return rc;
}

/* ---- bw_leaders ---- */

struct wanted_leader {
	struct leader_key key;
	UT_hash_handle hh;
};

struct prune {
	int map;
	struct wanted_leader *wanted;
};

static void delete_unless_wanted(void *context, const void *key)
{
	const struct prune *prune = context;
	struct wanted_leader *found;

	HASH_FIND(hh, prune->wanted, key, sizeof(struct leader_key), found);
	if (!found)
		bpf_map_delete_elem(prune->map, key);
}

/* What a whole table does not name goes first: then there is room for what it does. */
static void prune_leaders(int map, const struct steer_leader *leaders, size_t count)
{
	struct wanted_leader *wanted = mem_alloc((count + 1) * sizeof(*wanted));
	struct prune prune = {.map = map};

	for (size_t i = 0; i < count; i++) {
		wanted[i].key = leaders[i].key;
		HASH_ADD(hh, prune.wanted, key, sizeof(wanted[i].key), &wanted[i]);
	}
	for_each_key(map, delete_unless_wanted, &prune);
	HASH_CLEAR(hh, prune.wanted);
	mem_free(wanted);
}

int maps_write_leaders(const struct maps *maps, const struct steer_leader *leaders, size_t count,
		       bool delta)
{
	int rc = 0;

	if (maps->leaders < 0)
		return 0;
	if (!delta)
		prune_leaders(maps->leaders, leaders, count);
	for (size_t i = 0; i < count; i++) {
		if (leaders[i].gone)
			bpf_map_delete_elem(maps->leaders, &leaders[i].key);
		else if (bpf_map_update_elem(maps->leaders, &leaders[i].key, &leaders[i].value,
					     BPF_ANY) < 0)
			rc = -errno;
	}
	return rc;
}

/* ---- bw_peers ---- */

struct keep_peers {
	int map;
	const struct peer_key *peers;
	size_t count;
};

static void delete_unless_peer(void *context, const void *key)
{
	const struct keep_peers *keep = context;

	for (size_t i = 0; i < keep->count; i++)
		if (memcmp(&keep->peers[i], key, sizeof(struct peer_key)) == 0)
			return;
	bpf_map_delete_elem(keep->map, key);
}

int maps_write_peers(const struct maps *maps, const struct peer_key *peers, const uint32_t *nodes,
		     size_t count)
{
	struct keep_peers keep = {maps->peers, peers, count};
	int rc = 0;

	if (maps->peers < 0)
		return 0;
	for (size_t i = 0; i < count; i++)
		if (bpf_map_update_elem(maps->peers, &peers[i], &nodes[i], BPF_ANY) < 0)
			rc = -errno;
	for_each_key(maps->peers, delete_unless_peer, &keep);
	return rc;
}

/* ---- counters ---- */

int maps_write_resets(const struct maps *maps, const struct reset_stats *stats)
{
	uint32_t zero = 0;

	if (maps->resets < 0)
		return 0;
	return bpf_map_update_elem(maps->resets, &zero, stats, BPF_ANY) < 0 ? -errno : 0;
}

int maps_read_resets(const struct maps *maps, struct reset_stats *ret_stats)
{
	uint32_t zero = 0;

	return bpf_map_lookup_elem(maps->resets, &zero, ret_stats) < 0 ? -errno : 0;
}

/* Adds up the per-CPU values of `words` 64-bit numbers each. */
static int read_sum(int map, uint32_t key, uint64_t *ret_words, size_t words)
{
	int cpus = libbpf_num_possible_cpus();
	uint64_t *values;
	int rc = 0;

	if (map < 0)
		return -ENOENT;
	if (cpus < 0)
		return cpus;
	values = mem_alloc((size_t)cpus * words * sizeof(*values));
	if (bpf_map_lookup_elem(map, &key, values) < 0)
		rc = -errno;
	memset(ret_words, 0, rc == 0 ? words * sizeof(*values) : 0);
	for (size_t i = 0; rc == 0 && i < (size_t)cpus * words; i++)
		ret_words[i % words] += values[i];
	mem_free(values);
	return rc;
}

static int read_verdict(int map, uint32_t verdict, struct verdict_stats *ret_sum)
{
	uint64_t sum[sizeof(*ret_sum) / sizeof(uint64_t)];
	int rc = read_sum(map, verdict, sum, sizeof(sum) / sizeof(*sum));

	if (rc == 0)
		memcpy(ret_sum, sum, sizeof(*ret_sum));
	return rc;
}

int maps_read_verdict(const struct maps *maps, uint32_t verdict, struct verdict_stats *ret_sum)
{
	return read_verdict(maps->verdicts, verdict, ret_sum);
}

int maps_read_mirror_verdict(const struct maps *maps, uint32_t verdict,
			     struct verdict_stats *ret_sum)
{
	return read_verdict(maps->mirror_verdicts, verdict, ret_sum);
}

int maps_read_slot(const struct maps *maps, uint32_t slot, struct slot_stats *ret_sum)
{
	uint64_t sum[sizeof(*ret_sum) / sizeof(uint64_t)];
	int rc = read_sum(maps->slot_stats, slot, sum, sizeof(sum) / sizeof(*sum));

	if (rc == 0)
		memcpy(ret_sum, sum, sizeof(*ret_sum));
	return rc;
}
