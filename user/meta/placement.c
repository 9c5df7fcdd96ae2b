/* Owns the counts that placing partitions goes by.
 *
 * 1. leads and holds count, for each broker, the partitions that it leads and has replicas of, in
 * the image and placed since.
 * 2. Leaders are chosen greedily, least first: so brokers that lead any slot differ by at most one
 *    if they did before. Replicas go with the slot. Among equals the leader with the fewest slots
 *    comes first, since it has the least choice of followers, then the slot whose brokers hold
 *    least; a second look mends what the first could not foresee. That keeps replicas within two
 *    (tests/unit/meta/placement_test.c says where). */
#include "meta/placement.h"

#include "base/mem.h"
#include "meta/image_int.h"

#include <assert.h>

struct candidate {            /* what a partition of this slot would be */
	int32_t leader_place; /* in image->brokers */
	int32_t *replicas;    /* ids */
	int32_t *replica_places;
	int32_t partitions;
};

struct placement {
	const struct image *image;
	int32_t replica_count;
	struct candidate *slots;
	int64_t *leads, *holds; /* by place in image->brokers */
	int32_t *slots_led;     /* how many slots' partitions it would lead */
};

/* ---- what a slot offers ---- */

/* The first brokers of the order: registered ones only, live ones first, then in the order's order.
 */
static void choose_replicas(const struct image *image, const struct image_slot *slot,
			    int32_t wanted, int32_t *ret_replicas)
{
	int32_t live_left = 0, fenced_left, count = 0;

	for (int32_t i = 0; i < slot->order_count; i++)
		live_left += image_broker_is_live(image, slot->order[i]);
	live_left = live_left < wanted ? live_left : wanted;
	fenced_left = wanted - live_left;
	for (int32_t i = 0; i < slot->order_count && count < wanted; i++) {
		int32_t id = slot->order[i];
		bool live = image_broker_is_live(image, id);

		if (!image_find_broker(image, id) || (live ? live_left : fenced_left) == 0)
			continue;
		*(live ? &live_left : &fenced_left) -= 1;
		ret_replicas[count++] = id;
	}
	assert(count == wanted); /* every registered broker is in every order */
}

static int32_t first_live(const struct image *image, const int32_t *replicas, int32_t count)
{
	for (int32_t i = 0; i < count; i++)
		if (image_broker_is_live(image, replicas[i]))
			return replicas[i];
	return -1;
}

static int32_t leader_of(const struct image *image, const struct image_slot *slot,
			 const int32_t *replicas, int32_t count)
{
	if (image_list_has(replicas, count, slot->holder) &&
	    image_broker_is_live(image, slot->holder))
		return slot->holder;
	return first_live(image, replicas, count);
}

static void candidate_init(struct candidate *c, const struct image *image,
			   const struct image_slot *slot, int32_t count)
{
	c->replicas = mem_alloc((size_t)count * sizeof(*c->replicas));
	c->replica_places = mem_alloc((size_t)count * sizeof(*c->replica_places));
	choose_replicas(image, slot, count, c->replicas);
	for (int32_t i = 0; i < count; i++)
		c->replica_places[i] = image_broker_place(image, c->replicas[i]);
	c->leader_place = image_broker_place(image, leader_of(image, slot, c->replicas, count));
	c->partitions = slot->partition_count;
}

static void count_partition(struct placement *pl, const struct image_partition *p)
{
	int32_t place = image_broker_place(pl->image, p->leader);

	if (place >= 0)
		pl->leads[place]++;
	for (int32_t i = 0; i < p->replica_count; i++) {
		place = image_broker_place(pl->image, p->replicas[i]);
		if (place >= 0)
			pl->holds[place]++;
	}
}

struct placement *placement_new(const struct image *image, int32_t replica_count)
{
	struct placement *pl = mem_alloc(sizeof(*pl));

	pl->image = image;
	pl->replica_count = replica_count;
	pl->slots = mem_alloc((size_t)image->slot_count * sizeof(*pl->slots));
	pl->leads = mem_alloc((size_t)image->broker_count * sizeof(*pl->leads));
	pl->holds = mem_alloc((size_t)image->broker_count * sizeof(*pl->holds));
	pl->slots_led = mem_alloc((size_t)image->broker_count * sizeof(*pl->slots_led));
	for (int32_t i = 0; i < image->slot_count; i++) {
		candidate_init(&pl->slots[i], image, image->slots[i], replica_count);
		pl->slots_led[pl->slots[i].leader_place]++;
	}
	for (int32_t t = 0; t < image->topic_count; t++)
		for (int32_t i = 0; i < image->topics[t]->partition_count; i++)
			count_partition(pl, image->topics[t]->partitions[i]);
	return pl;
}

void placement_free(struct placement *pl)
{
	for (int32_t i = 0; i < pl->image->slot_count; i++) {
		mem_free(pl->slots[i].replicas);
		mem_free(pl->slots[i].replica_places);
	}
	mem_free(pl->slots);
	mem_free(pl->leads);
	mem_free(pl->holds);
	mem_free(pl->slots_led);
	mem_free(pl);
}

/* ---- choosing ---- */

static int64_t held_by_replicas(const struct placement *pl, const struct candidate *c)
{
	int64_t sum = 0;

	for (int32_t i = 0; i < pl->replica_count; i++)
		sum += pl->holds[c->replica_places[i]];
	return sum;
}

static bool is_better(const struct placement *pl, const struct candidate *a,
		      const struct candidate *b)
{
	int64_t a_leads = pl->leads[a->leader_place], b_leads = pl->leads[b->leader_place];
	int32_t a_slots = pl->slots_led[a->leader_place], b_slots = pl->slots_led[b->leader_place];

	if (a_leads != b_leads)
		return a_leads < b_leads;
	if (a_slots != b_slots)
		return a_slots < b_slots;
	return held_by_replicas(pl, a) < held_by_replicas(pl, b);
}

/* One partition more (by 1) or less (by -1) in this slot. */
static void count_in(struct placement *pl, int32_t slot, int by)
{
	const struct candidate *c = &pl->slots[slot];

	pl->leads[c->leader_place] += by;
	for (int32_t i = 0; i < pl->replica_count; i++)
		pl->holds[c->replica_places[i]] += by;
}

static int32_t best_slot(const struct placement *pl, int32_t first)
{
	int32_t count = pl->image->slot_count, best = first;

	for (int32_t i = 1; i < count; i++) {
		int32_t slot = (first + i) % count;

		if (is_better(pl, &pl->slots[slot], &pl->slots[best]))
			best = slot;
	}
	return best;
}

/* Where a partition that is counted nowhere now, and was in `slot`, would weigh less, without
 * leaders growing further apart. */
static int32_t lighter_slot(const struct placement *pl, int32_t slot)
{
	int64_t leads = pl->leads[pl->slots[slot].leader_place];
	int64_t least = held_by_replicas(pl, &pl->slots[slot]);

	for (int32_t i = 0; i < pl->image->slot_count; i++) {
		int64_t held = held_by_replicas(pl, &pl->slots[i]);

		if (held < least && pl->leads[pl->slots[i].leader_place] <= leads) {
			least = held;
			slot = i;
		}
	}
	return slot;
}

void placement_spread(struct placement *pl, int32_t count, int32_t *ret_slots)
{
	enum { SECOND_LOOKS = 4 };
	int32_t next = 0;
	bool moved = true;

	for (int32_t i = 0; i < count; i++) {
		ret_slots[i] = best_slot(pl, next);
		count_in(pl, ret_slots[i], 1);
		next = (ret_slots[i] + 1) % pl->image->slot_count;
	}
	for (int look = 0; moved && look < SECOND_LOOKS; look++) {
		moved = false;
		for (int32_t i = 0; i < count; i++) {
			int32_t before = ret_slots[i];

			count_in(pl, before, -1);
			ret_slots[i] = lighter_slot(pl, before);
			count_in(pl, ret_slots[i], 1);
			moved |= ret_slots[i] != before;
		}
	}
}

struct placed placement_in(const struct placement *pl, int32_t slot)
{
	const struct candidate *c = &pl->slots[slot];

	return (struct placed){
		.slot = slot,
		.leader = pl->image->brokers[c->leader_place]->id,
		.replicas = c->replicas,
	};
}

struct placed placement_by_hand(struct placement *pl, const int32_t *replicas)
{
	int32_t wanted = first_live(pl->image, replicas, pl->replica_count), best = -1;
	bool best_fits = false;

	for (int32_t i = 0; i < pl->image->slot_count; i++) {
		bool fits = pl->image->slots[i]->holder == wanted;

		if (best == -1 || (fits && !best_fits) ||
		    (fits == best_fits && pl->slots[i].partitions < pl->slots[best].partitions)) {
			best = i;
			best_fits = fits;
		}
	}
	pl->slots[best].partitions++;
	return (struct placed){
		.slot = best,
		.leader = leader_of(pl->image, pl->image->slots[best], replicas, pl->replica_count),
		.replicas = replicas,
	};
}
