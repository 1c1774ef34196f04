// The parts of graph_new that refuse: what no order of building could satisfy. Called when components are known.
#ifndef BUILDER_GRAPH_CHECK_H
#define BUILDER_GRAPH_CHECK_H

#include "builder/graph.h"

// Every breaker of a staged component has the outputs that are asked of its package, and stage 0 can be built in some
// order: else ERROR_INVALID with the place, and the cycle written out.
MUST_CHECK Error *graph_check_breakers(const Graph *graph);
// Puts the components in an order in which each stands behind all that it or its breakers need, and renumbers the
// nodes; ERROR_INVALID when a breaker needs what needs the cycle that it is to break.
MUST_CHECK Error *graph_order_components(Graph *graph);

#endif
