/* Images: what is shared, what each record does, what is refused. */
#include "meta_testing.h"

#include <errno.h>

/* Applies one record at the image's offset; on success *image is the next one. */
static int apply_one(struct image **image, int16_t type, const void *record)
{
	struct image *next = NULL;
	struct change change;
	struct batch batch;
	struct reader in;
	int rc;

	change_begin(&change, 0);
	change_add(&change, type, record);
	assert_true(change_end(&change) > 0);
	batch_assign(change.records.data, (*image)->offset, 1);
	in = reader_of(change.records.data, change.records.size);
	assert_int_equal(batch_next(&in, &batch), BATCH_OK);
	rc = image_apply(*image, &batch, &next);
	change_done(&change);
	if (rc == 0) {
		image_unref(*image);
		*image = next;
	}
	return rc;
}

static void what_a_batch_did_not_touch_is_shared(void **state)
{
	struct cluster *c = cluster_of(12, 3);
	struct image *before;
	const struct image_topic *t;

	(void)state;
	assert_int_equal(cluster_create(c, "a", 2, 3), KAFKA_NONE);
	assert_int_equal(cluster_create(c, "b", 2, 3), KAFKA_NONE);
	before = image_ref(c->image);
	t = image_find_topic(before, "a", 1);
	assert_int_equal(cluster_alter(c, t, 0, &t->partitions[0]->leader, 1), KAFKA_NONE);
	assert_ptr_not_equal(c->image, before);
	assert_ptr_equal(image_find_topic(c->image, "b", 1), image_find_topic(before, "b", 1));
	assert_ptr_not_equal(image_find_topic(c->image, "a", 1), t);
	assert_ptr_equal(cluster_partition(c, "a", 1), t->partitions[1]);
	assert_ptr_not_equal(cluster_partition(c, "a", 0), t->partitions[0]);
	assert_int_equal(t->partitions[0]->isr_count, 3); /* the old image says what it said */
	assert_int_equal(cluster_partition(c, "a", 0)->isr_count, 1);
	for (int32_t i = 0; i < 12; i++)
		assert_ptr_equal(c->image->slots[i], before->slots[i]);
	for (int32_t i = 0; i < 3; i++)
		assert_ptr_equal(c->image->brokers[i], before->brokers[i]);
	assert_int_equal(before->brokers[0]->references, 2);
	image_unref(before);
	assert_int_equal(c->image->brokers[0]->references, 1);
	assert_int_equal(cluster_partition(c, "a", 1)->references, 1);
	cluster_free(c);
}

static void an_old_image_outlives_the_new_one(void **state)
{
	struct cluster *c = cluster_of(12, 3);
	struct image *old;
	char *text, *later;

	(void)state;
	assert_int_equal(cluster_create(c, "a", 5, 3), KAFKA_NONE);
	old = image_ref(c->image);
	text = image_dump(old);
	assert_int_equal(cluster_fence(c, 2), KAFKA_NONE);
	assert_int_equal(
		CLUSTER_DO(c, controller_delete_topic(c->image, old->topics[0]->id, &change)),
		KAFKA_NONE);
	cluster_free(c);
	later = image_dump(old);
	assert_string_equal(text, later);
	free(text);
	free(later);
	image_unref(old);
}

static void a_batch_is_applied_whole_or_not_at_all(void **state)
{
	struct cluster *c = cluster_of(2, 1);
	struct topic_record good = {wire_string_of("good"), test_uuid(1)};
	struct remove_topic_record bad = {test_uuid(2)};
	struct image *next = NULL;
	struct change change;
	struct batch batch;
	struct reader in;

	(void)state;
	change_begin(&change, 0);
	change_add(&change, METADATA_TOPIC, &good);
	change_add(&change, METADATA_REMOVE_TOPIC, &bad);
	change_end(&change);
	batch_assign(change.records.data, c->image->offset, 1);
	in = reader_of(change.records.data, change.records.size);
	assert_int_equal(batch_next(&in, &batch), BATCH_OK);
	assert_int_equal(image_apply(c->image, &batch, &next), -EBADMSG);
	assert_null(next);
	assert_null(image_find_topic(c->image, "good", 4));
	change_done(&change);
	cluster_free(c);
}

/* Applies a batch of one record with this value and attributes. */
static int apply_raw(const struct image *image, int64_t base_offset, int16_t attributes,
		     const void *value, int32_t size)
{
	struct buffer bytes = {0};
	struct batch_builder builder;
	struct image *next = NULL;
	struct batch batch;
	struct reader in;
	int rc;

	batch_begin(&builder, &bytes, base_offset, 0);
	builder.header.attributes = attributes;
	batch_add(&builder, NULL, 0, value, size);
	batch_end(&builder);
	in = reader_of(bytes.data, bytes.size);
	assert_int_equal(batch_next(&in, &batch), BATCH_OK);
	rc = image_apply(image, &batch, &next);
	image_unref(next);
	buffer_done(&bytes);
	return rc;
}

static void records_that_are_not_understood_are_refused(void **state)
{
	struct image *image = image_new();
	static const uint8_t no_op[] = {1, METADATA_NO_OP, 0, 0};

	(void)state;
	assert_int_equal(apply_raw(image, 0, 0, no_op, 4), 0);
	assert_int_equal(apply_raw(image, 5, 0, no_op, 4), 0); /* a control batch lay between */
	assert_int_equal(apply_raw(image, 0, 0, no_op, 3), -EBADMSG);
	assert_int_equal(apply_raw(image, 0, 0, NULL, 0), -EBADMSG);
	assert_int_equal(apply_raw(image, 0, BATCH_CONTROL, no_op, 4), -EBADMSG);
	assert_int_equal(apply_raw(image, 0, 0, (uint8_t[]){2, METADATA_NO_OP, 0, 0}, 4), -EBADMSG);
	assert_int_equal(apply_raw(image, 0, 0, (uint8_t[]){1, METADATA_NO_OP, 1, 0}, 4), -EBADMSG);
	assert_int_equal(apply_raw(image, 0, 0, (uint8_t[]){1, 77, 0, 0}, 4), -EBADMSG);
	assert_int_equal(apply_raw(image, 0, 0, (uint8_t[]){1, METADATA_NO_OP, 0, 0, 9}, 5),
			 -EBADMSG);
	image->offset = 6;
	assert_int_equal(apply_raw(image, 5, 0, no_op, 4), -EBADMSG);
	image_unref(image);
}

static void a_newer_format_is_refused_untouched(void **state)
{
	struct image *image = image_new();
	struct feature_level_record record = {.name = wire_string_of("bellwether.version"),
					      .feature_level = 1};

	(void)state;
	assert_int_equal(apply_one(&image, METADATA_FEATURE_LEVEL, &record), 0);
	record.feature_level = 2;
	assert_int_equal(apply_one(&image, METADATA_FEATURE_LEVEL, &record), -EBADMSG);
	record = (struct feature_level_record){.name = wire_string_of("other"), .feature_level = 1};
	assert_int_equal(apply_one(&image, METADATA_FEATURE_LEVEL, &record), -EBADMSG);
	image_unref(image);
}

static void the_mirror_secret_is_made_once(void **state)
{
	static const uint8_t first[IMAGE_MIRROR_SECRET_BYTES] = {1, 2, 3}, second[sizeof(first)];
	struct image *image = image_new();
	struct feature_level_record record = {.name = wire_string_of("bellwether.version"),
					      .feature_level = 1,
					      .mirror_secret = {first, sizeof(first) - 1}};
	struct change change;

	(void)state;
	assert_int_equal(apply_one(&image, METADATA_FEATURE_LEVEL, &record), -EBADMSG);
	change_begin(&change, 0);
	assert_int_equal(controller_make_mirror_secret(image, first, &change), KAFKA_NONE);
	assert_int_equal(change.count, 1);
	change_done(&change);
	record.mirror_secret.size++;
	assert_int_equal(apply_one(&image, METADATA_FEATURE_LEVEL, &record), 0);
	assert_true(image->has_mirror_secret);
	assert_memory_equal(image->mirror_secret, first, sizeof(first));
	/* A later record without one, as an older controller would write it, leaves it. */
	record.mirror_secret.data = NULL;
	assert_int_equal(apply_one(&image, METADATA_FEATURE_LEVEL, &record), 0);
	assert_memory_equal(image->mirror_secret, first, sizeof(first));
	change_begin(&change, 0);
	assert_int_equal(controller_make_mirror_secret(image, second, &change), KAFKA_NONE);
	assert_int_equal(change.count, 0);
	change_done(&change);
	image_unref(image);
}

static void broker_records(void **state)
{
	struct cluster *c = cluster_of(2, 2);
	const struct image_broker *b = image_find_broker(c->image, 2);
	struct fence_broker_record fence = {.id = 2, .epoch = b->epoch};
	struct unfence_broker_record unfence = {.id = 2, .epoch = b->epoch};
	struct broker_change_record change = {.broker_id = 2, .broker_epoch = b->epoch};
	struct register_broker_record again = {.broker_id = 2, .broker_epoch = b->epoch};

	(void)state;
	assert_int_equal(apply_one(&c->image, METADATA_FENCE_BROKER, &fence), 0);
	assert_true(image_find_broker(c->image, 2)->fenced);
	assert_false(image_broker_is_live(c->image, 2));
	assert_int_equal(apply_one(&c->image, METADATA_UNFENCE_BROKER, &unfence), 0);
	assert_true(image_broker_is_live(c->image, 2));
	change.in_controlled_shutdown = METADATA_SET;
	change.has_steer = METADATA_SET;
	assert_int_equal(apply_one(&c->image, METADATA_BROKER_CHANGE, &change), 0);
	assert_true(image_find_broker(c->image, 2)->has_steer);
	assert_false(image_broker_is_live(c->image, 2));
	change.in_controlled_shutdown = METADATA_CLEAR;
	change.has_steer = METADATA_KEEP;
	assert_int_equal(apply_one(&c->image, METADATA_BROKER_CHANGE, &change), 0);
	assert_true(image_find_broker(c->image, 2)->has_steer);
	assert_true(image_broker_is_live(c->image, 2));
	fence.epoch++;
	assert_int_equal(apply_one(&c->image, METADATA_FENCE_BROKER, &fence), -EBADMSG);
	fence = (struct fence_broker_record){.id = 3};
	assert_int_equal(apply_one(&c->image, METADATA_FENCE_BROKER, &fence), -EBADMSG);
	change.has_steer = 2;
	assert_int_equal(apply_one(&c->image, METADATA_BROKER_CHANGE, &change), -EBADMSG);
	assert_int_equal(apply_one(&c->image, METADATA_REGISTER_BROKER, &again), -EBADMSG);
	again.broker_epoch = -1;
	assert_int_equal(apply_one(&c->image, METADATA_REGISTER_BROKER, &again), 0);
	cluster_free(c);
}

static void topic_and_config_records(void **state)
{
	struct image *image = image_new();
	struct topic_record topic = {wire_string_of("t"), test_uuid(1)};
	struct config_record config = {
		.resource_type = 2,
		.resource_name = wire_string_of("t"),
		.name = wire_string_of("retention.ms"),
		.value = wire_string_of("1"),
	};
	struct remove_topic_record remove = {test_uuid(1)};

	(void)state;
	assert_int_equal(apply_one(&image, METADATA_CONFIG, &config), -EBADMSG);
	assert_int_equal(apply_one(&image, METADATA_TOPIC, &topic), 0);
	assert_int_equal(apply_one(&image, METADATA_TOPIC, &topic), -EBADMSG);
	topic.topic_id = test_uuid(2); /* the same name */
	assert_int_equal(apply_one(&image, METADATA_TOPIC, &topic), -EBADMSG);
	topic = (struct topic_record){wire_string_of("u"), test_uuid(1)}; /* the same id */
	assert_int_equal(apply_one(&image, METADATA_TOPIC, &topic), -EBADMSG);
	assert_int_equal(apply_one(&image, METADATA_CONFIG, &config), 0);
	assert_string_equal(image_topic_setting(image->topics[0], "retention.ms"), "1");
	config.value = wire_string_of("2");
	assert_int_equal(apply_one(&image, METADATA_CONFIG, &config), 0);
	assert_string_equal(image_topic_setting(image->topics[0], "retention.ms"), "2");
	assert_int_equal(image->topics[0]->setting_count, 1);
	config.value = wire_string_of(NULL);
	assert_int_equal(apply_one(&image, METADATA_CONFIG, &config), 0);
	assert_null(image_topic_setting(image->topics[0], "retention.ms"));
	config.resource_type = 4;
	assert_int_equal(apply_one(&image, METADATA_CONFIG, &config), -EBADMSG);
	assert_int_equal(apply_one(&image, METADATA_REMOVE_TOPIC, &remove), 0);
	assert_int_equal(apply_one(&image, METADATA_REMOVE_TOPIC, &remove), -EBADMSG);
	assert_int_equal(image->topic_count, 0);
	image_unref(image);
}

static struct image *two_slots_and_a_topic(void)
{
	struct image *image = image_new();
	struct topic_record topic = {wire_string_of("t"), test_uuid(1)};
	struct slot_record slot = {.holder = -1};
	int32_t order[] = {1, 2};

	slot.order.items = order;
	slot.order.count = 2;
	assert_int_equal(apply_one(&image, METADATA_SLOT, &slot), 0);
	slot.slot_id = 1;
	assert_int_equal(apply_one(&image, METADATA_SLOT, &slot), 0);
	assert_int_equal(apply_one(&image, METADATA_TOPIC, &topic), 0);
	return image;
}

static struct partition_record good_partition(int32_t *replicas, int32_t *isr)
{
	struct partition_record p = {
		.topic_id = test_uuid(1), .leader = 1, .leader_epoch = 4, .slot = 1};

	p.replicas.items = replicas;
	p.replicas.count = 2;
	p.isr.items = isr;
	p.isr.count = 2;
	return p;
}

static void partition_records(void **state)
{
	struct image *image = two_slots_and_a_topic();
	int32_t replicas[] = {1, 2}, isr[] = {2, 1};
	const struct partition_record good = good_partition(replicas, isr);
	struct partition_record p;

	(void)state;
#define REFUSED(...)                                                                               \
	(p = good, __VA_ARGS__,                                                                    \
	 assert_int_equal(apply_one(&image, METADATA_PARTITION, &p), -EBADMSG))
	REFUSED(p.partition_id = 1);
	REFUSED(p.topic_id = test_uuid(9));
	REFUSED(p.slot = 2);
	REFUSED(p.isr.count = 0);
	REFUSED(p.leader = 3);
	REFUSED((p.isr.items = (int32_t[]){1, 3}));
	REFUSED((p.isr.items = (int32_t[]){1, 1}));
	REFUSED((p.replicas.items = (int32_t[]){1, 1}, p.isr.count = 1,
		 p.isr.items = (int32_t[]){1}));
#undef REFUSED
	assert_int_equal(apply_one(&image, METADATA_PARTITION, &good), 0);
	assert_int_equal(image->slots[1]->partition_count, 1);
	assert_int_equal(apply_one(&image, METADATA_PARTITION, &good), -EBADMSG);
	image_unref(image);
}

static void r8_partition_changes_raise_the_partition_epoch(void **state)
{
	struct image *image = two_slots_and_a_topic();
	int32_t replicas[] = {1, 2}, isr[] = {2, 1};
	struct partition_record good = good_partition(replicas, isr);
	struct partition_change_record change;
	const struct image_partition *p;

	(void)state;
	assert_int_equal(apply_one(&image, METADATA_PARTITION, &good), 0);
	wire_init(&partition_change_record_schema, &change);
	change.topic_id = test_uuid(1);
	change.partition_id = 0;
	change.isr.items = isr;
	change.isr.count = 1; /* 2 only, but 1 leads */
	assert_int_equal(apply_one(&image, METADATA_PARTITION_CHANGE, &change), -EBADMSG);
	change.leader = 2;
	assert_int_equal(apply_one(&image, METADATA_PARTITION_CHANGE, &change), 0);
	p = image->topics[0]->partitions[0];
	assert_int_equal(p->leader, 2);
	assert_int_equal(p->leader_epoch, 5);
	assert_int_equal(p->partition_epoch, 1);
	assert_isr(p, 2);
	wire_init(&partition_change_record_schema, &change);
	change.topic_id = test_uuid(1);
	change.partition_id = 0;
	change.slot = 0;
	assert_int_equal(apply_one(&image, METADATA_PARTITION_CHANGE, &change), 0);
	p = image->topics[0]->partitions[0];
	assert_int_equal(p->leader_epoch, 5);
	assert_int_equal(p->partition_epoch, 2);
	assert_int_equal(image->slots[0]->partition_count, 1);
	assert_int_equal(image->slots[1]->partition_count, 0);
	change.partition_id = 1;
	assert_int_equal(apply_one(&image, METADATA_PARTITION_CHANGE, &change), -EBADMSG);
	image_unref(image);
}

static void s1_slot_epoch_is_the_offset_of_the_last_move(void **state)
{
	struct image *image = two_slots_and_a_topic();
	struct slot_record_address address = {wire_string_of("10.0.0.7"), 9100};
	int32_t order[] = {2, 1};
	struct slot_change_record change;

	(void)state;
	wire_init(&slot_change_record_schema, &change);
	change.slot_id = 1;
	change.holder = 2;
	image->offset = 500;
	assert_int_equal(apply_one(&image, METADATA_SLOT_CHANGE, &change), 0);
	assert_int_equal(image->slots[1]->epoch, 500);
	assert_int_equal(image->slots[1]->holder, 2);
	wire_init(&slot_change_record_schema, &change);
	change.slot_id = 1;
	change.order.items = order;
	change.order.count = 2;
	change.addresses.items = &address;
	change.addresses.count = 1;
	assert_int_equal(apply_one(&image, METADATA_SLOT_CHANGE, &change), 0);
	assert_int_equal(image->slots[1]->epoch, 500); /* not a move */
	assert_int_equal(image->slots[1]->order[0], 2);
	assert_string_equal(image->slots[1]->addresses[0].host, "10.0.0.7");
	assert_int_equal(image->slots[1]->addresses[0].address.port, 9100);
	change.holder = 3; /* not in the order */
	assert_int_equal(apply_one(&image, METADATA_SLOT_CHANGE, &change), -EBADMSG);
	change.slot_id = 2;
	assert_int_equal(apply_one(&image, METADATA_SLOT_CHANGE, &change), -EBADMSG);
	image_unref(image);
}

static void producer_id_records_only_rise(void **state)
{
	struct image *image = image_new();
	struct producer_ids_record record = {.next_producer_id = 1000};

	(void)state;
	assert_int_equal(apply_one(&image, METADATA_PRODUCER_IDS, &record), 0);
	assert_int_equal(apply_one(&image, METADATA_PRODUCER_IDS, &record), -EBADMSG);
	image_unref(image);
}

/* --format must write the same bytes on every node, in whatever order it lists the voters. */
static void seeds_are_equal_byte_for_byte(void **state)
{
	struct image_endpoint addresses[4] = {
		{(char *)"10.77.0.100", {.port = 9100}},
		{(char *)"10.77.0.100", {.port = 9092}},
		{(char *)"10.77.0.100", {.port = 9101}},
		{(char *)"slots.example", {.port = 9092}},
	};
	int32_t ids[] = {1, 2, 3}, mixed[] = {3, 1, 2};
	struct controller_seed seed = {2, addresses, 2, ids, 3};
	struct image *image = image_new(), *next;
	struct change a, b;

	(void)state;
	change_begin(&a, 0);
	controller_seed(&seed, &a);
	change_end(&a);
	seed.brokers = mixed;
	change_begin(&b, 0);
	controller_seed(&seed, &b);
	change_end(&b);
	assert_int_equal(a.records.size, b.records.size);
	assert_memory_equal(a.records.data, b.records.data, a.records.size);
	next = apply_change(image, &a);
	assert_string_equal(next->slots[1]->addresses[1].host, "slots.example");
	assert_int_equal(next->slots[1]->addresses[1].address.port, 9092);
	assert_int_equal(next->slots[1]->order[0], 2);
	assert_int_equal(next->slots[1]->holder, -1);
	image_unref(next);
	image_unref(image);
	change_done(&a);
	change_done(&b);
}

static void lookups_find_what_is_there(void **state)
{
	static const char *const names[] = {"b", "a", "ab", "aa", "c", "abc"};
	struct cluster *c = cluster_of(12, 3);

	(void)state;
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(cluster_create(c, names[i], 1, 1), KAFKA_NONE);
	for (int32_t i = 1; i < 6; i++)
		assert_true(strcmp(c->image->topics[i - 1]->name, c->image->topics[i]->name) < 0);
	assert_string_equal(image_find_topic(c->image, "abcd", 3)->name, "abc");
	assert_null(image_find_topic(c->image, "abcd", 4));
	assert_null(image_find_topic(c->image, "", 0));
	assert_null(image_find_topic_by_id(c->image, test_uuid(0)));
	assert_null(image_find_broker(c->image, 0));
	assert_null(image_find_broker(c->image, 4));
	assert_null(image_find_slot(c->image, -1));
	assert_null(image_find_slot(c->image, 12));
	assert_null(image_find_partition(c->image->topics[0], 1));
	assert_null(image_find_partition(c->image->topics[0], -1));
	cluster_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_batch_did_not_touch_is_shared),
		cmocka_unit_test(an_old_image_outlives_the_new_one),
		cmocka_unit_test(a_batch_is_applied_whole_or_not_at_all),
		cmocka_unit_test(records_that_are_not_understood_are_refused),
		cmocka_unit_test(a_newer_format_is_refused_untouched),
		cmocka_unit_test(the_mirror_secret_is_made_once),
		cmocka_unit_test(broker_records),
		cmocka_unit_test(topic_and_config_records),
		cmocka_unit_test(partition_records),
		cmocka_unit_test(r8_partition_changes_raise_the_partition_epoch),
		cmocka_unit_test(s1_slot_epoch_is_the_offset_of_the_last_move),
		cmocka_unit_test(producer_id_records_only_rise),
		cmocka_unit_test(seeds_are_equal_byte_for_byte),
		cmocka_unit_test(lookups_find_what_is_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
