# Copies of models/cuda/kernels.cu with one bug each, written when configuring: the replaced text must be there, so that a
# change of the kernels cannot leave a bug unplanted. plant(NAME BUILD FROM TO): BUILD (plain, asan or tsan) is the one that must
# find it.
set(_kernels "${PROJECT_SOURCE_DIR}/models/cuda/kernels.cu")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${_kernels}")
file(READ "${_kernels}" _kernels_text)
foreach(_build plain asan tsan)
  set(_includes_${_build} "")
  set(_table_${_build} "")
endforeach()

macro(plant _name _build _from _to)
  string(FIND "${_kernels_text}" "${_from}" _place)
  if(_place EQUAL -1)
    message(FATAL_ERROR "planted bug ${_name}: kernels.cu no longer holds\n${_from}")
  endif()
  string(REPLACE "${_from}" "${_to}" _text "${_kernels_text}")
  string(REPLACE "namespace scalelaw::cuda {" "namespace scalelaw::cuda::${_name} {" _text "${_text}")
  string(APPEND _text "\nnamespace scalelaw::cuda::${_name} {\nconstexpr Kernels kPlanted{\"${_name}\", &launch_adam, &launch_draw_starts,\n    &launch_gather, &launch_weighted_sum, &launch_cross_entropy, &launch_embedding_gradient};\n}\n")
  file(CONFIGURE OUTPUT "${CMAKE_CURRENT_BINARY_DIR}/planted/${_name}.cu" CONTENT "${_text}" @ONLY)
  string(APPEND _includes_${_build} "#include \"planted/${_name}.cu\"\n")
  string(APPEND _table_${_build} "${_name}::kPlanted, ")
endmacro()

# found by their numbers, or by the emulator
plant(no_barrier_after_the_partial_results plain [[/ kWarp] = x;
  __syncthreads();]] [[/ kWarp] = x;]])
plant(reduction_over_half_a_warp plain [[int offset = kWarp / 2;]] [[int offset = kWarp / 4;]])
plant(lanes_leave_before_a_shuffle plain [[if (row >= rows) return;]] [[if (row >= rows || threadIdx.x % RowThreads >= vocab) return;]])
plant(barrier_of_one_warp plain [[= bits;
    __syncthreads();]] [[= bits;
    if (threadIdx.x < kWarp) __syncthreads();]])
plant(shuffle_mask_of_half_a_warp plain [[kAllLanes = 0xffffffffU]] [[kAllLanes = 0x0000ffffU]])
plant(every_block_moves_the_counters plain [[blockIdx.x == 0 && blockIdx.y == 0 && ]] [[]])
plant(a_diverged_member_goes_on plain [[ || state.diverged[k] != 0) return;]] [[) return;]])
plant(norm_of_another_member plain [[scratch[blockIdx.y * kStepScratch + blockIdx.x] = sum]] [[scratch[blockIdx.x] = sum]])
plant(decay_of_everything plain [[group.decay * s.weight_decay]] [[s.weight_decay]])
plant(rate_of_another_group plain [[group.rate * static_cast<float>(]] [[state.groups[0].rate * static_cast<float>(]])
plant(eps_of_no_group plain [[  s.eps *= group.eps;
]] [[]])
plant(group_one_too_late plain [[begin <= i ? first]] [[begin < i ? first]])
plant(fours_across_a_border plain [[if (state.params % 4 == 0 && state.fours) {]] [[if (state.params % 4 == 0) {]])
plant(largest_logit_of_one_thread plain [[largest = warp_reduce(largest, Larger{});]] [[]])
plant(target_one_too_early plain [[targets[i] = tokens[at + 1];]] [[targets[i] = tokens[at];]])
plant(lowest_bit_taken_for_a_lane plain [[__ffs(static_cast<int>(rest)) - 1]] [[__ffs(static_cast<int>(rest))]])
plant(windows_from_the_steps_first plain [[windows.all + windows.first + i]] [[windows.all + i]])
plant(only_the_last_micro_batch plain [[call.add ? call.sum[i] + x : x]] [[x]])
plant(micro_batches_without_weights plain [[const float x = call.weight * ]] [[const float x = ]])
plant(gradient_never_added plain [[call.add ? to + sum : sum]] [[sum]])
# found by the address and undefined-behaviour sanitizers
plant(one_parameter_too_many asan [[if (i >= state.params ||]] [[if (i > state.params ||]])
plant(one_token_too_many asan [[if (i >= windows * context) return;]] [[if (i > windows * context) return;]])
plant(one_gradient_too_many asan [[if (i >= call.count) return;]] [[if (i > call.count) return;]])
plant(one_logit_too_many asan [[for (std::int64_t j = first; j < vocab; j += RowThreads) sum]] [[for (std::int64_t j = first; j <= vocab; j += RowThreads) sum]])
plant(one_partial_result_too_many asan [[warp < kWarps; ++warp) result]] [[warp <= kWarps; ++warp) result]])
plant(fours_that_are_not_aligned asan [[if (state.params % 4 == 0 && state.fours) {]] [[if (state.params > 4) {]])
# found by the thread sanitizer
plant(partial_results_reused_too_early tsan [[  __syncthreads();  // an earlier call may still be reading part
]] [[]])
plant(target_read_while_it_is_overwritten tsan [[    __syncwarp();
]] [[]])
plant(votes_reused_too_early tsan [[    __syncthreads();  // before found is written again
]] [[]])
plant(blocks_that_count_together tsan [[blockIdx.x == 0 && blockIdx.y == 0 && ]] [[]])

foreach(_build plain asan tsan)
  file(CONFIGURE OUTPUT "${CMAKE_CURRENT_BINARY_DIR}/planted_${_build}.cpp" @ONLY CONTENT
"#include \"cuda/kernels.hpp\"
${_includes_${_build}}
namespace scalelaw::cuda {
const std::vector<Kernels>& planted_bugs() {
  static const std::vector<Kernels> bugs{${_table_${_build}}};
  return bugs;
}
}  // namespace scalelaw::cuda
")
endforeach()

# The kernels in blocks of 64 threads, for the tests of whole training steps: the emulator's time goes by threads.
string(REPLACE "constexpr int kThreads = 256;" "constexpr int kThreads = 64;" _text "${_kernels_text}")
if(_text STREQUAL _kernels_text)
  message(FATAL_ERROR "kernels.cu no longer holds kThreads = 256")
endif()
file(CONFIGURE OUTPUT "${CMAKE_CURRENT_BINARY_DIR}/small_blocks.cpp" CONTENT "${_text}" @ONLY)
