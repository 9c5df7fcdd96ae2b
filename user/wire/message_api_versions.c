/* Owns the tables of ApiVersions. */
#include "wire/message_api_versions.h"
#include "wire/table.h"

#define OWNER struct api_versions_request
static const struct wire_field api_versions_request_fields[] = {
	FIELD(client_software_name, STRING, FROM(3)),
	FIELD(client_software_version, STRING, FROM(3)),
};
#undef OWNER
WIRE_SCHEMA(api_versions_request);

#define OWNER struct api_versions_response_api_key
static const struct wire_field api_versions_response_api_key_fields[] = {
	FIELD(api_key, INT16, FROM(0)),
	FIELD(min_version, INT16, FROM(0)),
	FIELD(max_version, INT16, FROM(0)),
};
#undef OWNER
WIRE_SCHEMA(api_versions_response_api_key);

#define OWNER struct api_versions_response_supported_feature
static const struct wire_field api_versions_response_supported_feature_fields[] = {
	FIELD(name, STRING, FROM(3)),
	FIELD(min_version, INT16, FROM(3)),
	FIELD(max_version, INT16, FROM(3)),
};
#undef OWNER
WIRE_SCHEMA(api_versions_response_supported_feature);

#define OWNER struct api_versions_response_finalized_feature
static const struct wire_field api_versions_response_finalized_feature_fields[] = {
	FIELD(name, STRING, FROM(3)),
	FIELD(max_version_level, INT16, FROM(3)),
	FIELD(min_version_level, INT16, FROM(3)),
};
#undef OWNER
WIRE_SCHEMA(api_versions_response_finalized_feature);

#define OWNER struct api_versions_response
static const struct wire_field api_versions_response_fields[] = {
	FIELD(error_code, INT16, FROM(0)),
	STRUCTS(api_keys, api_versions_response_api_key, FROM(0)),
	FIELD(throttle_time_ms, INT32, FROM(1)),
	STRUCTS(supported_features, api_versions_response_supported_feature, FROM(3), TAG(0)),
	FIELD(finalized_features_epoch, INT64, FROM(3), TAG(1), MISSING(-1)),
	STRUCTS(finalized_features, api_versions_response_finalized_feature, FROM(3), TAG(2)),
	FIELD(zk_migration_ready, BOOL, FROM(3), TAG(3)),
};
#undef OWNER
WIRE_SCHEMA(api_versions_response);

WIRE_API(api_versions, "ApiVersions", 18, 0, 4, 3);
