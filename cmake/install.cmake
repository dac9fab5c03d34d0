# Everything installed finds its neighbours by relative paths, so the whole prefix may be moved.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

set(package_dir ${CMAKE_INSTALL_DATADIR}/cmake/see)
set(pkgconfig_dir ${CMAKE_INSTALL_DATADIR}/pkgconfig)

install(DIRECTORY include/see DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.hpp")

install(TARGETS see EXPORT see INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
if(SEE_BUILD_COMPILED)
  install(TARGETS see_compiled EXPORT see ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
endif()
install(EXPORT see FILE seeTargets.cmake NAMESPACE see:: DESTINATION ${package_dir})
configure_package_config_file(cmake/seeConfig.cmake.in ${PROJECT_BINARY_DIR}/seeConfig.cmake
  INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/seeConfigVersion.cmake
  COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES ${PROJECT_BINARY_DIR}/seeConfig.cmake ${PROJECT_BINARY_DIR}/seeConfigVersion.cmake
  cmake/torch.cmake DESTINATION ${package_dir})

file(RELATIVE_PATH prefix_from_pc
  ${CMAKE_INSTALL_FULL_DATADIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
string(REGEX REPLACE "/$" "" prefix_from_pc ${prefix_from_pc})
configure_file(cmake/see.pc.in ${PROJECT_BINARY_DIR}/see.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/see.pc DESTINATION ${pkgconfig_dir})

if(TARGET see_cli)
  install(TARGETS see_cli DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
