/* Owns the memory of images: objects, references, lookups.
 *
 * 1. An object that an image holds never changes, except while its only holder is a draft.
 * 2. references counts holders; it is raised and lowered atomically, since images are dropped by
 *    any thread, but one that reads 1 to an object's only holder stays 1.
 * 3. brokers rise by id, topics by name, topics_by_id by id, a broker's cuts by topic id and
 *    partition; slot n is at place n.
 *
 * What records mean is left to image_apply.c. */
#include "meta/image_int.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void reference_take(unsigned *references)
{
	__atomic_add_fetch(references, 1, __ATOMIC_RELAXED);
}

/* True when that was the last one. */
static bool reference_drop(unsigned *references)
{
	return __atomic_sub_fetch(references, 1, __ATOMIC_ACQ_REL) == 0;
}

static bool reference_is_only(const unsigned *references)
{
	return __atomic_load_n(references, __ATOMIC_ACQUIRE) == 1;
}

void *image_copy_items(const void *items, int32_t count, size_t size_bytes)
{
	void *copy;

	if (count <= 0)
		return NULL;
	copy = mem_alloc((size_t)count * size_bytes);
	memcpy(copy, items, (size_t)count * size_bytes);
	return copy;
}

bool image_list_has(const int32_t *list, int32_t count, int32_t value)
{
	for (int32_t i = 0; i < count; i++)
		if (list[i] == value)
			return true;
	return false;
}

/* ---- endpoints ---- */

static const char *const listener_names[IMAGE_LISTENERS] = {
	[IMAGE_PLAIN] = "PLAIN",
	[IMAGE_SLOT] = "SLOT",
	[IMAGE_INTERNAL] = "INTERNAL",
};

const char *image_listener_name(enum image_listener listener)
{
	return listener_names[listener];
}

struct image_endpoint image_endpoint_of(const char *host, size_t size, uint16_t port)
{
	struct image_endpoint endpoint = {0};

	endpoint.host = mem_alloc(size + 1);
	memcpy(endpoint.host, host, size);
	if (net_address_parse_host(endpoint.host, port, &endpoint.address) < 0)
		endpoint.address = (struct net_address){.port = port};
	return endpoint;
}

static struct image_endpoint *endpoints_copy(const struct image_endpoint *from, int32_t count)
{
	struct image_endpoint *copy = image_copy_items(from, count, sizeof(*from));

	for (int32_t i = 0; i < count; i++)
		copy[i].host = mem_string(from[i].host);
	return copy;
}

/* ---- objects: copy and unref ---- */

static struct image_broker *broker_copy(const struct image_broker *from)
{
	struct image_broker *b = image_copy_items(from, 1, sizeof(*from));

	b->references = 1;
	b->rack = mem_string(from->rack);
	b->cuts = image_copy_items(from->cuts, from->cut_count, sizeof(*from->cuts));
	for (int i = 0; i < IMAGE_LISTENERS; i++)
		b->endpoints[i].host = mem_string(from->endpoints[i].host);
	return b;
}

void image_broker_unref(struct image_broker *b)
{
	if (!b || !reference_drop(&b->references))
		return;
	for (int i = 0; i < IMAGE_LISTENERS; i++)
		mem_free(b->endpoints[i].host);
	mem_free(b->rack);
	mem_free(b->cuts);
	mem_free(b);
}

static struct image_partition *partition_copy(const struct image_partition *from)
{
	struct image_partition *p = image_copy_items(from, 1, sizeof(*from));

	p->references = 1;
	p->replicas = image_copy_items(from->replicas, from->replica_count, sizeof(int32_t));
	p->isr = image_copy_items(from->isr, from->isr_count, sizeof(int32_t));
	return p;
}

void image_partition_unref(struct image_partition *p)
{
	if (!p || !reference_drop(&p->references))
		return;
	mem_free(p->replicas);
	mem_free(p->isr);
	mem_free(p);
}

static struct image_topic *topic_copy(const struct image_topic *from)
{
	struct image_topic *t = image_copy_items(from, 1, sizeof(*from));

	t->references = 1;
	t->name = mem_string(from->name);
	t->partitions = image_copy_items(from->partitions, from->partition_count,
					 sizeof(struct image_partition *));
	for (int32_t i = 0; i < t->partition_count; i++)
		reference_take(&t->partitions[i]->references);
	t->settings =
		image_copy_items(from->settings, from->setting_count, sizeof(*from->settings));
	for (int32_t i = 0; i < t->setting_count; i++) {
		t->settings[i].name = mem_string(from->settings[i].name);
		t->settings[i].value = mem_string(from->settings[i].value);
	}
	return t;
}

void image_topic_unref(struct image_topic *t)
{
	if (!t || !reference_drop(&t->references))
		return;
	for (int32_t i = 0; i < t->partition_count; i++)
		image_partition_unref(t->partitions[i]);
	for (int32_t i = 0; i < t->setting_count; i++) {
		mem_free(t->settings[i].name);
		mem_free(t->settings[i].value);
	}
	mem_free(t->name);
	mem_free(t->partitions);
	mem_free(t->settings);
	mem_free(t);
}

static struct image_slot *slot_copy(const struct image_slot *from)
{
	struct image_slot *s = image_copy_items(from, 1, sizeof(*from));

	s->references = 1;
	s->order = image_copy_items(from->order, from->order_count, sizeof(int32_t));
	s->addresses = endpoints_copy(from->addresses, from->address_count);
	return s;
}

void image_slot_unref(struct image_slot *s)
{
	if (!s || !reference_drop(&s->references))
		return;
	for (int32_t i = 0; i < s->address_count; i++)
		mem_free(s->addresses[i].host);
	mem_free(s->addresses);
	mem_free(s->order);
	mem_free(s);
}

/* ---- images ---- */

struct image *image_new(void)
{
	struct image *image = mem_alloc(sizeof(*image));

	image->references = 1;
	return image;
}

struct image *image_ref(struct image *image)
{
	reference_take(&image->references);
	return image;
}

void image_unref(struct image *image)
{
	if (!image || !reference_drop(&image->references))
		return;
	for (int32_t i = 0; i < image->broker_count; i++)
		image_broker_unref(image->brokers[i]);
	for (int32_t i = 0; i < image->topic_count; i++)
		image_topic_unref(image->topics[i]);
	for (int32_t i = 0; i < image->slot_count; i++)
		image_slot_unref(image->slots[i]);
	mem_free(image->brokers);
	mem_free(image->topics);
	mem_free(image->topics_by_id);
	mem_free(image->slots);
	mem_free(image);
}

struct image *image_draft(const struct image *from)
{
	struct image *d = image_copy_items(from, 1, sizeof(*from));

	d->references = 1;
	d->brokers = image_copy_items(from->brokers, from->broker_count, sizeof(*from->brokers));
	d->topics = image_copy_items(from->topics, from->topic_count, sizeof(*from->topics));
	d->topics_by_id = image_copy_items(from->topics_by_id, from->topic_count,
					   sizeof(*from->topics_by_id));
	d->slots = image_copy_items(from->slots, from->slot_count, sizeof(*from->slots));
	for (int32_t i = 0; i < d->broker_count; i++)
		reference_take(&d->brokers[i]->references);
	for (int32_t i = 0; i < d->topic_count; i++)
		reference_take(&d->topics[i]->references);
	for (int32_t i = 0; i < d->slot_count; i++)
		reference_take(&d->slots[i]->references);
	return d;
}

/* ---- lookups ---- */

/* Where an id is (found), or where it would go. */
static int32_t broker_search(const struct image *image, int32_t id, bool *ret_found)
{
	int32_t low = 0, high = image->broker_count;

	while (low < high) {
		int32_t middle = low + (high - low) / 2;

		if (image->brokers[middle]->id < id)
			low = middle + 1;
		else
			high = middle;
	}
	*ret_found = low < image->broker_count && image->brokers[low]->id == id;
	return low;
}

static int name_compare(const char *a, size_t a_size, const char *b, size_t b_size)
{
	int order = memcmp(a, b, a_size < b_size ? a_size : b_size);

	if (order == 0 && a_size != b_size)
		order = a_size < b_size ? -1 : 1;
	return order;
}

static int32_t topic_search(const struct image *image, const char *name, size_t size,
			    bool *ret_found)
{
	int32_t low = 0, high = image->topic_count;

	*ret_found = false;
	while (low < high) {
		int32_t middle = low + (high - low) / 2;
		const char *there = image->topics[middle]->name;
		int order = name_compare(there, strlen(there), name, size);

		*ret_found |= order == 0;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int32_t topic_search_id(const struct image *image, struct uuid id, bool *ret_found)
{
	int32_t low = 0, high = image->topic_count;

	*ret_found = false;
	while (low < high) {
		int32_t middle = low + (high - low) / 2;
		int order =
			memcmp(image->topics_by_id[middle]->id.bytes, id.bytes, sizeof(id.bytes));

		*ret_found |= order == 0;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int32_t image_broker_place(const struct image *image, int32_t id)
{
	bool found;
	int32_t place = broker_search(image, id, &found);

	return found ? place : -1;
}

struct image_broker *image_find_broker(const struct image *image, int32_t id)
{
	int32_t place = image_broker_place(image, id);

	return place < 0 ? NULL : image->brokers[place];
}

struct image_topic *image_find_topic(const struct image *image, const char *name, size_t size)
{
	bool found;
	int32_t place = topic_search(image, name, size, &found);

	return found ? image->topics[place] : NULL;
}

struct image_topic *image_find_topic_by_id(const struct image *image, struct uuid id)
{
	bool found;
	int32_t place = topic_search_id(image, id, &found);

	return found ? image->topics_by_id[place] : NULL;
}

struct image_partition *image_find_partition(const struct image_topic *topic, int32_t id)
{
	return id >= 0 && id < topic->partition_count ? topic->partitions[id] : NULL;
}

struct image_slot *image_find_slot(const struct image *image, int32_t id)
{
	return id >= 0 && id < image->slot_count ? image->slots[id] : NULL;
}

const char *image_topic_setting(const struct image_topic *topic, const char *name)
{
	for (int32_t i = 0; i < topic->setting_count; i++)
		if (strcmp(topic->settings[i].name, name) == 0)
			return topic->settings[i].value;
	return NULL;
}

int image_cut_compare(const void *left, const void *right)
{
	const struct image_cut *a = left, *b = right;
	int order = memcmp(a->topic_id.bytes, b->topic_id.bytes, sizeof(a->topic_id.bytes));

	return order ? order : (a->partition > b->partition) - (a->partition < b->partition);
}

const struct image_cut *image_broker_cut(const struct image_broker *broker, struct uuid topic_id,
					 int32_t partition)
{
	struct image_cut key = {.topic_id = topic_id, .partition = partition};

	if (broker->cut_count == 0)
		return NULL;
	return bsearch(&key, broker->cuts, (size_t)broker->cut_count, sizeof(key),
		       image_cut_compare);
}

bool image_broker_is_live(const struct image *image, int32_t id)
{
	const struct image_broker *b = image_find_broker(image, id);

	return b && !b->fenced && !b->shutting_down;
}

bool image_partition_has_replica(const struct image_partition *partition, int32_t broker)
{
	return image_list_has(partition->replicas, partition->replica_count, broker);
}

bool image_partition_in_isr(const struct image_partition *partition, int32_t broker)
{
	return image_list_has(partition->isr, partition->isr_count, broker);
}

bool image_partition_is_away(const struct image *image, const struct image_partition *partition)
{
	const struct image_slot *slot = image_find_slot(image, partition->slot);

	return slot && partition->leader != slot->holder;
}

int32_t image_slot_successor(const struct image *image, const struct image_slot *slot)
{
	int32_t begin = 0;

	for (int32_t i = 0; i < slot->order_count; i++)
		if (slot->order[i] == slot->holder)
			begin = i + 1;
	for (int32_t i = 0; i < slot->order_count; i++) {
		int32_t next = slot->order[(begin + i) % slot->order_count];

		if (next != slot->holder && image_broker_is_live(image, next))
			return next;
	}
	return -1;
}

/* ---- drafts ---- */

struct image_broker *image_own_broker(struct image *draft, int32_t place)
{
	struct image_broker *b = draft->brokers[place];

	if (!reference_is_only(&b->references)) {
		draft->brokers[place] = broker_copy(b);
		image_broker_unref(b);
	}
	return draft->brokers[place];
}

struct image_slot *image_own_slot(struct image *draft, int32_t slot)
{
	struct image_slot *s = draft->slots[slot];

	if (!reference_is_only(&s->references)) {
		draft->slots[slot] = slot_copy(s);
		image_slot_unref(s);
	}
	return draft->slots[slot];
}

struct image_topic *image_own_topic(struct image *draft, struct uuid id)
{
	bool found;
	int32_t by_id = topic_search_id(draft, id, &found);
	struct image_topic *t = draft->topics_by_id[by_id];

	assert(found);
	if (!reference_is_only(&t->references)) {
		int32_t by_name = topic_search(draft, t->name, strlen(t->name), &found);

		assert(found);
		draft->topics_by_id[by_id] = draft->topics[by_name] = topic_copy(t);
		image_topic_unref(t);
	}
	return draft->topics_by_id[by_id];
}

struct image_partition *image_own_partition(struct image_topic *owned_topic, int32_t id)
{
	struct image_partition *p = owned_topic->partitions[id];

	if (!reference_is_only(&p->references)) {
		owned_topic->partitions[id] = partition_copy(p);
		image_partition_unref(p);
	}
	return owned_topic->partitions[id];
}

/* Makes a hole at `place` in an array of pointers and returns the array. */
static void *array_open(void *array, int32_t count, int32_t place)
{
	void **items = mem_resize(array, (size_t)(count + 1) * sizeof(void *));

	memmove(items + place + 1, items + place, (size_t)(count - place) * sizeof(void *));
	return items;
}

static void array_close(void *array, int32_t count, int32_t place)
{
	void **items = array;

	memmove(items + place, items + place + 1, (size_t)(count - place - 1) * sizeof(void *));
}

void image_add_broker(struct image *draft, struct image_broker *broker)
{
	bool found;
	int32_t place = broker_search(draft, broker->id, &found);

	if (found) {
		image_broker_unref(draft->brokers[place]);
	} else {
		draft->brokers = array_open(draft->brokers, draft->broker_count, place);
		draft->broker_count++;
	}
	draft->brokers[place] = broker;
}

void image_add_topic(struct image *draft, struct image_topic *topic)
{
	bool found;
	int32_t by_name = topic_search(draft, topic->name, strlen(topic->name), &found);
	int32_t by_id = topic_search_id(draft, topic->id, &found);

	draft->topics = array_open(draft->topics, draft->topic_count, by_name);
	draft->topics_by_id = array_open(draft->topics_by_id, draft->topic_count, by_id);
	draft->topics[by_name] = draft->topics_by_id[by_id] = topic;
	draft->topic_count++;
}

void image_remove_topic(struct image *draft, struct image_topic *topic)
{
	bool found;
	int32_t by_name = topic_search(draft, topic->name, strlen(topic->name), &found);
	int32_t by_id = topic_search_id(draft, topic->id, &found);

	array_close(draft->topics, draft->topic_count, by_name);
	array_close(draft->topics_by_id, draft->topic_count, by_id);
	draft->topic_count--;
	image_topic_unref(topic);
}
