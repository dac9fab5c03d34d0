#pragma once

/// What stands before a long function that is no template. By default headers hold everything, and
/// X.hpp includes X-inl.hpp with the bodies of what it declares. Where SEE_COMPILED is defined,
/// which the CMake target see::compiled does, X.hpp declares only; the bodies are in that library.
#if defined(SEE_COMPILED)
#define SEE_INLINE
#else
#define SEE_INLINE inline
#endif
