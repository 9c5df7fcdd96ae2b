/* ApiVersions, key 18, versions 0 to 4, flexible from 3 on.
 * Which APIs and versions this broker serves. An unknown version is answered in the v0 layout. */
#pragma once

#include "wire/codec.h"

struct api_versions_request {
	struct wire_string client_software_name; /* 3+ */
	struct wire_string client_software_version; /* 3+ */
};

struct api_versions_response_api_key {
	int16_t api_key;
	int16_t min_version;
	int16_t max_version;
};

struct api_versions_response_supported_feature {
	struct wire_string name;
	int16_t min_version;
	int16_t max_version;
};

struct api_versions_response_finalized_feature {
	struct wire_string name;
	int16_t max_version_level;
	int16_t min_version_level;
};

struct api_versions_response {
	int16_t error_code;
	WIRE_ARRAY(struct api_versions_response_api_key) api_keys;
	int32_t throttle_time_ms; /* 1+ */
	WIRE_ARRAY(struct api_versions_response_supported_feature)
	supported_features; /* 3+, tag 0 */
	int64_t finalized_features_epoch; /* 3+, tag 1 */
	WIRE_ARRAY(struct api_versions_response_finalized_feature)
	finalized_features; /* 3+, tag 2 */
	bool zk_migration_ready; /* 3+, tag 3 */
};

extern const struct wire_api wire_api_versions;
