module attributes {gpu.container_module} {
  func.func @vector_add(%arg0: memref<1024xf32>, %arg1: memref<1024xf32>, %arg2: memref<1024xf32>) attributes {
    mindspore_kernel,
    process = "cuda",
    compute_capability = "sm_70",
    launches = "{\"launches\": [{\"kernelName\": \"vector_add_kernel\", \"gridDim\": [4, 1, 1], \"blockDim\": [64, 1, 1]}], \"workspaces\": []}"
  } {
    %one = arith.constant 1 : index
    %blocks0 = arith.constant 4 : index
    %threads0 = arith.constant 64 : index
    gpu.launch_func @vector_add_kernel_module::@vector_add_kernel blocks in (%blocks0, %one, %one) threads in (%threads0, %one, %one)
        args(%arg0 : memref<1024xf32>, %arg1 : memref<1024xf32>, %arg2 : memref<1024xf32>)
    return
  }
  gpu.module @vector_add_kernel_module {
    gpu.func @vector_add_kernel(
        %_arg0: memref<1024xf32> {llvm.noalias, llvm.readonly},
        %_arg1: memref<1024xf32> {llvm.noalias, llvm.readonly},
        %output0: memref<1024xf32> {llvm.noalias}
    ) kernel attributes {known_block_size = array<i32: 64, 1, 1>, known_grid_size = array<i32: 4, 1, 1>} {
      %block_id = gpu.block_id x
      %block = arith.index_cast %block_id : index to i64
      %thread_id = gpu.thread_id x
      %thread = arith.index_cast %thread_id : index to i64
      %c = arith.constant 256 : i64
      %v8 = arith.muli %block, %c : i64
      %c_2 = arith.constant 63 : i64
      %v10 = arith.andi %thread, %c_2 : i64
      %c_3 = arith.constant 4 : i64
      %v12 = arith.muli %v10, %c_3 : i64
      %c_4 = arith.constant 1 : i64
      %v14 = arith.muli %v12, %c_4 : i64
      %v15 = arith.addi %v8, %v14 : i64
      %at = arith.index_cast %v15 : i64 to index
      %v17 = vector.load %_arg0[%at] {alignment = 16 : i64} : memref<1024xf32>, vector<4xf32>
      %at_2 = arith.index_cast %v15 : i64 to index
      %v19 = vector.load %_arg1[%at_2] {alignment = 16 : i64} : memref<1024xf32>, vector<4xf32>
      %v20 = arith.addf %v17, %v19 fastmath<contract> : vector<4xf32>
      %at_3 = arith.index_cast %v15 : i64 to index
      vector.store %v20, %output0[%at_3] {alignment = 16 : i64} : memref<1024xf32>, vector<4xf32>
      gpu.return
    }
  }
}
