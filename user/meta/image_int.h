/* Inside meta: an image under construction.
 *
 * A draft is an image that only its maker knows. It begins as a copy of the pointer arrays of
 * another image, whose objects it shares by reference; whoever changes an object owns it first,
 * which copies it when somebody else holds it too. Dropped by image_unref() like any image. */
#pragma once

#include "meta/image.h"

struct image *image_draft(const struct image *image);

/* The object at that place, for writing: ours alone. */
struct image_broker *image_own_broker(struct image *draft, int32_t place);
struct image_slot *image_own_slot(struct image *draft, int32_t slot);
struct image_topic *image_own_topic(struct image *draft, struct uuid id);
struct image_partition *image_own_partition(struct image_topic *owned_topic, int32_t id);

/* Puts an object with its one reference into the arrays, keeping their order. A broker of the same
 * id is replaced. */
void image_add_broker(struct image *draft, struct image_broker *broker);
void image_add_topic(struct image *draft, struct image_topic *topic);
void image_remove_topic(struct image *draft, struct image_topic *topic);

/* The place of a broker, or -1. */
int32_t image_broker_place(const struct image *image, int32_t id);

void image_broker_unref(struct image_broker *broker);
void image_topic_unref(struct image_topic *topic);
void image_partition_unref(struct image_partition *partition);
void image_slot_unref(struct image_slot *slot);

/* A copy of `count` things; NULL for none. */
void *image_copy_items(const void *items, int32_t count, size_t size_bytes);
bool image_list_has(const int32_t *list, int32_t count, int32_t value);

/* The order of a broker's cuts: by topic id, then partition. */
int image_cut_compare(const void *left, const void *right);

/* host is copied. */
struct image_endpoint image_endpoint_of(const char *host, size_t size, uint16_t port);

/* Applies one decoded record (the struct of its type) that lies at `offset`. Returns 0 or -EBADMSG;
 * after a failure the draft is good for nothing but image_unref(). */
int image_apply_record(struct image *draft, int64_t offset, int16_t type, const void *record);

/* The one metadata format that this version reads and writes, as a feature level. */
#define IMAGE_FEATURE "bellwether.version"
enum { IMAGE_FEATURE_LEVEL = 1 };

/* A record's value in a batch: unsigned varints frame version, record type, record version, then
 * the flexible struct (as Kafka's metadata log has them). */
enum { IMAGE_FRAME_VERSION = 1, IMAGE_RECORD_VERSION = 0 };
