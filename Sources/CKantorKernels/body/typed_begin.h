/* Names of the element type in hand: KN_SINGLE is 0 for f64, 1 for f32. */
#if KN_SINGLE
#define KN_REAL float
#define KN_VEC kn_vf
#define KN_LANES KN_LANES_F
#define KN_T(name) kn_##name##_f
#define KN_BODY(name) kn_body_##name##_f32
#else
#define KN_REAL double
#define KN_VEC kn_vd
#define KN_LANES KN_LANES_D
#define KN_T(name) kn_##name##_d
#define KN_BODY(name) kn_body_##name##_f64
#endif
