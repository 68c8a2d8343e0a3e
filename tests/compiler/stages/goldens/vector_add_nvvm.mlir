module attributes {gpu.container_module} {
  func.func @vector_add(%arg0: memref<1024xf32>, %arg1: memref<1024xf32>, %arg2: memref<1024xf32>) attributes {compute_capability = "sm_70", launches = "{\22launches\22: [{\22kernelName\22: \22vector_add_kernel\22, \22gridDim\22: [4, 1, 1], \22blockDim\22: [64, 1, 1]}], \22workspaces\22: []}", mindspore_kernel, process = "cuda"} {
    %c1 = arith.constant 1 : index
    %c4 = arith.constant 4 : index
    %c64 = arith.constant 64 : index
    gpu.launch_func  @vector_add_kernel_module::@vector_add_kernel blocks in (%c4, %c1, %c1) threads in (%c64, %c1, %c1)  args(%arg0 : memref<1024xf32>, %arg1 : memref<1024xf32>, %arg2 : memref<1024xf32>)
    return
  }
  gpu.module @vector_add_kernel_module {
    llvm.func @vector_add_kernel(%arg0: !llvm.ptr {llvm.noalias, llvm.readonly}, %arg1: !llvm.ptr {llvm.noalias, llvm.readonly}, %arg2: !llvm.ptr {llvm.noalias}) attributes {gpu.kernel, gpu.known_block_size = array<i32: 64, 1, 1>, gpu.known_grid_size = array<i32: 4, 1, 1>, nvvm.kernel, nvvm.maxntid = array<i32: 64, 1, 1>} {
      %0 = llvm.mlir.constant(256 : i64) : i64
      %1 = llvm.mlir.constant(63 : i64) : i64
      %2 = llvm.mlir.constant(4 : i64) : i64
      %3 = nvvm.read.ptx.sreg.ctaid.x range <i32, 0, 4> : i32
      %4 = llvm.sext %3 : i32 to i64
      %5 = nvvm.read.ptx.sreg.tid.x range <i32, 0, 64> : i32
      %6 = llvm.sext %5 : i32 to i64
      %7 = llvm.mul %4, %0 : i64
      %8 = llvm.and %6, %1 : i64
      %9 = llvm.mul %8, %2 : i64
      %10 = llvm.add %7, %9 : i64
      %11 = llvm.getelementptr %arg0[%10] : (!llvm.ptr, i64) -> !llvm.ptr, f32
      %12 = llvm.load %11 {alignment = 16 : i64} : !llvm.ptr -> vector<4xf32>
      %13 = llvm.getelementptr %arg1[%10] : (!llvm.ptr, i64) -> !llvm.ptr, f32
      %14 = llvm.load %13 {alignment = 16 : i64} : !llvm.ptr -> vector<4xf32>
      %15 = llvm.fadd %12, %14 {fastmathFlags = #llvm.fastmath<contract>} : vector<4xf32>
      %16 = llvm.getelementptr %arg2[%10] : (!llvm.ptr, i64) -> !llvm.ptr, f32
      llvm.store %15, %16 {alignment = 16 : i64} : vector<4xf32>, !llvm.ptr
      llvm.return
    }
  }
}
