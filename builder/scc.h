// Strongly connected components of a directed graph (Tarjan 1972), without recursion: no spec can exhaust the stack.
#ifndef BUILDER_SCC_H
#define BUILDER_SCC_H

#include "base/arena.h"

// Nodes 0..node_count-1; the targets of node i are targets[starts[i]] .. targets[starts[i + 1] - 1].
typedef struct Adjacency {
    uint32_t node_count;
    const uint32_t *starts; // node_count + 1 of them
    const uint32_t *targets;
} Adjacency;

// Collects edges node by node, in order of the nodes; memory in the arena.
typedef struct AdjacencyBuilder {
    Arena *arena;
    uint32_t *starts, *targets;
    uint32_t node_count, node_cap, target_count, target_cap;
} AdjacencyBuilder;

void adjacency_init(AdjacencyBuilder *builder, Arena *arena, uint32_t node_count_max);
void adjacency_add(AdjacencyBuilder *builder, uint32_t target); // of the node under way
void adjacency_end_node(AdjacencyBuilder *builder);
Adjacency adjacency_end(AdjacencyBuilder *builder);

// components[i] becomes the number of node i's component; numbers rise from what is pointed at to what points at it.
// Returns how many there are. Time and memory are linear.
uint32_t scc_find(Adjacency graph, uint32_t *components);

#endif
