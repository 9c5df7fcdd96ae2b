/* What codec.c, codec_decode.c and codec_encode.c share. */
#pragma once

#include "wire/codec.h"

static inline bool wire_field_is_in(const struct wire_field *f, int16_t version)
{
	return version >= f->first && version <= f->last;
}

static inline bool wire_field_is_nullable_in(const struct wire_field *f, int16_t version)
{
	return f->is_nullable && version >= f->nullable_from;
}

/* Gives one field its `missing` value. */
void wire_init_field(const struct wire_field *f, void *at);

/* How many bytes one value of the field's type takes in memory. */
size_t wire_value_size(const struct wire_field *f);
