/* door.h - where those who ask one model wait for their turn, and the instance of its architecture that answers.
 * Its inside is engine.c's. */
#ifndef ENGINE_DOOR_H
#define ENGINE_DOOR_H

struct door;
void door_destroy(struct door *d); /* accepts NULL */

#endif
