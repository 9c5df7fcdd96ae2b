/* Which Bellwether this is: what --version prints. debian/changelog says the same (tests/e2e). */
#pragma once

#define VERSION "0.1.0"
