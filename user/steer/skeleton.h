/* The generated skeletons, whose conversions are not ours to mend. */
#pragma once

#include "bellwether/mirror_maps.h"
#include "bellwether/steer_maps.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wconversion"
#include "mirror.skel.h"
#include "steer.skel.h"
#pragma GCC diagnostic pop
