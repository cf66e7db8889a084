// Regions of simulated validators and their distances. Round trips: Microsoft, "Azure network round-trip latency
// statistics" (learn.microsoft.com/azure/networking/azure-network-latency), 30 days to 30 July 2026, 95th percentile, ms;
// the larger of the two directions. They are upper figures: half of all probes were faster.

/** Data centre regions in order of validator placement, each with its round trips to the regions before it. */
const ROUND_TRIPS_MS: readonly (readonly [string, readonly number[]])[] = [
  ['Japan East', []],
  ['West Europe', [242]],
  ['East US', [165, 89]],
  ['Southeast Asia', [74, 181, 229]],
  ['East Asia', [53, 279, 208, 41]],
  ['Germany West Central', [250, 14, 97, 179, 244]],
  ['West US 2', [103, 153, 75, 165, 146, 159]],
  ['Central India', [129, 153, 218, 59, 96, 151, 218]],
  ['UK South', [237, 13, 80, 183, 274, 19, 144, 150]],
  ['Korea Central', [36, 267, 192, 72, 43, 272, 127, 127, 262]],
  ['Canada Central', [165, 92, 22, 226, 205, 101, 68, 216, 83, 190]],
  ['Australia East', [105, 282, 207, 98, 128, 291, 180, 152, 277, 137, 207]],
  ['Brazil South', [275, 191, 121, 337, 315, 201, 179, 320, 184, 296, 133, 298]],
  ['UAE North', [155, 123, 190, 90, 120, 122, 255, 35, 122, 153, 187, 179, 293]],
  ['Sweden Central', [260, 31, 110, 256, 265, 34, 165, 179, 34, 286, 115, 307, 209, 148]],
  ['South Africa North', [255, 171, 226, 211, 272, 174, 285, 134, 169, 255, 236, 348, 327, 104, 200]],
]

/** Two data centres of one region (the same source's zones, and most clouds': 1 to 2 ms). */
const SAME_REGION_MS = 2

export const REGION_COUNT = ROUND_TRIPS_MS.length

/** Assigns validators to regions round-robin, so that four are already on three continents. */
export function regionOf(validator: number): number {
  return validator % REGION_COUNT
}

/** Half of the round trip between the regions of two validators, ms. */
export function wideAreaMs(from: number, to: number): number {
  const [a, b] = [regionOf(from), regionOf(to)]
  if (a === b) return SAME_REGION_MS / 2
  return ROUND_TRIPS_MS[Math.max(a, b)]![1][Math.min(a, b)]! / 2
}
