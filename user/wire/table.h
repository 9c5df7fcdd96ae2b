/* How a message's table is written: one row for each field, in the order of the wire.
 *
 *	#define OWNER struct fetch_request
 *	static const struct wire_field fetch_request_fields[] = {
 *		FIELD(cluster_id, STRING, FROM(12), NULLABLE(12), TAG(0)),
 *		FIELD(replica_id, INT32, WITHIN(0, 14), MISSING(-1)),
 *		STRUCTS(topics, fetch_request_topic, FROM(0)),
 *	};
 *	#undef OWNER
 *	WIRE_SCHEMA(fetch_request);
 *
 * A row whose member has another C type than its wire type needs does not compile. Tags rise from
 * row to row (KIP-482), which tests/unit/wire checks. Included by message_*.c only. */
#pragma once

#include "wire/codec.h"

#define WIRE_MEMBER_BOOL bool
#define WIRE_MEMBER_INT8 int8_t
#define WIRE_MEMBER_INT16 int16_t
#define WIRE_MEMBER_UINT16 uint16_t
#define WIRE_MEMBER_INT32 int32_t
#define WIRE_MEMBER_INT64 int64_t
#define WIRE_MEMBER_UUID struct uuid
#define WIRE_MEMBER_STRING struct wire_string
#define WIRE_MEMBER_BYTES struct wire_bytes
#define WIRE_MEMBER_RECORDS struct wire_records

/* Zero; does not compile unless OWNER has the member with exactly that type. */
#define WIRE_CHECK(member_, type_) (0 * sizeof(_Generic(((OWNER *)0)->member_, type_: (char)0)))
#define WIRE_PLACE(member_, checked_, type_)                                                     \
	.name = #member_,                                                                        \
	.offset = (uint16_t)(offsetof(OWNER, member_) + WIRE_CHECK(checked_, type_))

/* One value. */
#define FIELD(member_, type_, ...)                                                               \
	{WIRE_PLACE(member_, member_, WIRE_MEMBER_##type_), .type = WIRE_##type_, __VA_ARGS__}
/* A WIRE_ARRAY of values. */
#define LIST(member_, type_, ...)                                                                \
	{WIRE_PLACE(member_, member_.items, WIRE_MEMBER_##type_ *), .type = WIRE_##type_,        \
	 .is_array = true, __VA_ARGS__}
/* A struct in place, and a WIRE_ARRAY of structs; struct_ has its WIRE_SCHEMA further up. */
#define STRUCT(member_, struct_, ...)                                                            \
	{WIRE_PLACE(member_, member_, struct struct_), .type = WIRE_STRUCT,                      \
	 .element = &struct_##_schema, __VA_ARGS__}
#define STRUCTS(member_, struct_, ...)                                                           \
	{WIRE_PLACE(member_, member_.items, struct struct_ *), .type = WIRE_STRUCT,              \
	 .is_array = true, .element = &struct_##_schema, __VA_ARGS__}

/* What follows in a row: the versions first, then what differs from the ordinary. */
#define FROM(first_) .first = (first_), .last = WIRE_ALWAYS
#define WITHIN(first_, last_) .first = (first_), .last = (last_)
#define NULLABLE(from_) .is_nullable = true, .nullable_from = (from_)
#define TAG(number_) .is_tagged = true, .tag = (number_)
#define MISSING(value_) .missing = (value_)

#define WIRE_SCHEMA_VALUE(name_)                                                                 \
	{                                                                                        \
		.name = #name_, .fields = name_##_fields,                                        \
		.field_count = sizeof(name_##_fields) / sizeof(*name_##_fields),                 \
		.size = sizeof(struct name_),                                                    \
	}
#define WIRE_SCHEMA(name_)                                                                       \
	static const struct wire_schema name_##_schema = WIRE_SCHEMA_VALUE(name_)
/* One that its header declares. */
#define WIRE_PUBLIC_SCHEMA(name_)                                                                \
	const struct wire_schema name_##_schema = WIRE_SCHEMA_VALUE(name_)
/* A message without fields; its struct cannot be empty in C. */
#define WIRE_EMPTY_SCHEMA(name_)                                                                 \
	static const struct wire_schema name_##_schema = {                                       \
		.name = #name_,                                                                  \
		.size = sizeof(struct name_),                                                    \
	}

#define WIRE_API(name_, kafka_name_, key_, first_, last_, first_flexible_)                       \
	const struct wire_api wire_##name_ = {                                                   \
		.name = kafka_name_,                                                             \
		.key = (key_),                                                                   \
		.first = (first_),                                                               \
		.last = (last_),                                                                 \
		.first_flexible = (first_flexible_),                                             \
		.request = &name_##_request_schema,                                              \
		.response = &name_##_response_schema,                                            \
	}
