// SPDX-License-Identifier: GPL-2.0-only
/* libFuzzer chooses the steps of a run against the model of the chunk map. */
#include "map-model.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	model_run_bytes(data, size);
	return 0;
}
