#undef KN_REAL
#undef KN_VEC
#undef KN_LANES
#undef KN_T
#undef KN_BODY
