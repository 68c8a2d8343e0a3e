// mse
module {
  // One block of memory stays between calls, so that its pages are touched once. A second call at
  // the same time finds none and takes its own. The first 64 bytes hold the block's size.
  llvm.func @aligned_alloc(i64, i64) -> !llvm.ptr
  llvm.func @free(!llvm.ptr)
  llvm.mlir.global internal @spare() {addr_space = 0 : i32} : i64 {
    %zero = llvm.mlir.constant(0 : i64) : i64
    llvm.return %zero : i64
  }
  func.func private @take_block(%bytes: i64) -> !llvm.ptr {
    %zero = arith.constant 0 : i64
    %header = arith.constant 64 : i64
    %spare = llvm.mlir.addressof @spare : !llvm.ptr
    %old = llvm.atomicrmw xchg %spare, %zero acq_rel : !llvm.ptr, i64
    %block = llvm.inttoptr %old : i64 to !llvm.ptr
    %some = arith.cmpi ne, %old, %zero : i64
    %fits = scf.if %some -> (i1) {
      %size = llvm.load %block : !llvm.ptr -> i64
      %enough = arith.cmpi sge, %size, %bytes : i64
      scf.yield %enough : i1
    } else {
      %no = arith.constant false
      scf.yield %no : i1
    }
    %taken = scf.if %fits -> (!llvm.ptr) {
      scf.yield %block : !llvm.ptr
    } else {
      llvm.call @free(%block) : (!llvm.ptr) -> ()
      %all = arith.addi %bytes, %header : i64
      %new = llvm.call @aligned_alloc(%header, %all) : (i64, i64) -> !llvm.ptr
      %address = llvm.ptrtoint %new : !llvm.ptr to i64
      %made = arith.cmpi ne, %address, %zero : i64
      scf.if %made {
        llvm.store %bytes, %new : i64, !llvm.ptr
      }
      scf.yield %new : !llvm.ptr
    }
    return %taken : !llvm.ptr
  }
  func.func private @give_block(%block: !llvm.ptr) {
    %spare = llvm.mlir.addressof @spare : !llvm.ptr
    %address = llvm.ptrtoint %block : !llvm.ptr to i64
    %old = llvm.atomicrmw xchg %spare, %address acq_rel : !llvm.ptr, i64
    %other = llvm.inttoptr %old : i64 to !llvm.ptr
    llvm.call @free(%other) : (!llvm.ptr) -> ()
    return
  }

  func.func private @partial_sums(
      %x: memref<9990xf32> {llvm.noalias},
      %y: memref<9990xf32> {llvm.noalias},
      %partial: memref<2xf64> {llvm.noalias},
      %core: i64) {
    %cst = arith.constant 0.0 : f64
    %c = arith.constant 0 : i64
    %c_2 = arith.constant 5 : i64
    %cst_2 = arith.constant dense<0.0> : vector<16xf32>
    %c_3 = arith.constant 1024 : i64
    %c_4 = arith.constant -5120 : i64
    %v10 = arith.muli %core, %c_4 : i64
    %c_5 = arith.constant -1024 : i64
    %c_6 = arith.constant 9990 : i64
    %c_7 = arith.constant 64 : i64
    %c_8 = arith.constant 5120 : i64
    %v15 = arith.muli %core, %c_8 : i64
    %c_9 = arith.constant 16 : i64
    %c_10 = arith.constant 32 : i64
    %c_11 = arith.constant 48 : i64
    %c_12 = arith.constant -1 : i64
    %v20 = arith.constant dense<[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]> : vector<16xi32>
    %c1 = arith.constant 1 : i64
    %carried = scf.for %i = %c to %c_2 step %c1 iter_args(%v23 = %cst) -> (f64) : i64 {
      %v25 = arith.muli %i, %c_5 : i64
      %v26 = arith.addi %v10, %v25 : i64
      %v27 = arith.addi %v26, %c_6 : i64
      %v28 = arith.cmpi slt, %c_3, %v27 : i64
      %v29 = arith.select %v28, %c_3, %v27 : i64
      %v30 = arith.divsi %v29, %c_7 : i64
      %v31 = arith.muli %v30, %c_7 : i64
      %v32 = arith.muli %i, %c_3 : i64
      %v33 = arith.addi %v15, %v32 : i64
      %c64 = arith.constant 64 : i64
      %carried_2:4 = scf.for %i_2 = %c to %v31 step %c64 iter_args(%v36 = %cst_2, %v37 = %cst_2, %v38 = %cst_2, %v39 = %cst_2) -> (vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>) : i64 {
        %v41 = arith.addi %v33, %i_2 : i64
        %at = arith.index_cast %v41 : i64 to index
        %v43 = vector.load %x[%at] : memref<9990xf32>, vector<16xf32>
        %at_2 = arith.index_cast %v41 : i64 to index
        %v45 = vector.load %y[%at_2] : memref<9990xf32>, vector<16xf32>
        %v46 = arith.subf %v43, %v45 fastmath<contract> : vector<16xf32>
        %v47 = arith.mulf %v46, %v46 fastmath<contract> : vector<16xf32>
        %v48 = arith.addf %v36, %v47 fastmath<contract> : vector<16xf32>
        %v49 = arith.addi %v41, %c_9 : i64
        %at_3 = arith.index_cast %v49 : i64 to index
        %v51 = vector.load %x[%at_3] : memref<9990xf32>, vector<16xf32>
        %at_4 = arith.index_cast %v49 : i64 to index
        %v53 = vector.load %y[%at_4] : memref<9990xf32>, vector<16xf32>
        %v54 = arith.subf %v51, %v53 fastmath<contract> : vector<16xf32>
        %v55 = arith.mulf %v54, %v54 fastmath<contract> : vector<16xf32>
        %v56 = arith.addf %v37, %v55 fastmath<contract> : vector<16xf32>
        %v57 = arith.addi %v41, %c_10 : i64
        %at_5 = arith.index_cast %v57 : i64 to index
        %v59 = vector.load %x[%at_5] : memref<9990xf32>, vector<16xf32>
        %at_6 = arith.index_cast %v57 : i64 to index
        %v61 = vector.load %y[%at_6] : memref<9990xf32>, vector<16xf32>
        %v62 = arith.subf %v59, %v61 fastmath<contract> : vector<16xf32>
        %v63 = arith.mulf %v62, %v62 fastmath<contract> : vector<16xf32>
        %v64 = arith.addf %v38, %v63 fastmath<contract> : vector<16xf32>
        %v65 = arith.addi %v41, %c_11 : i64
        %at_7 = arith.index_cast %v65 : i64 to index
        %v67 = vector.load %x[%at_7] : memref<9990xf32>, vector<16xf32>
        %at_8 = arith.index_cast %v65 : i64 to index
        %v69 = vector.load %y[%at_8] : memref<9990xf32>, vector<16xf32>
        %v70 = arith.subf %v67, %v69 fastmath<contract> : vector<16xf32>
        %v71 = arith.mulf %v70, %v70 fastmath<contract> : vector<16xf32>
        %v72 = arith.addf %v39, %v71 fastmath<contract> : vector<16xf32>
        scf.yield %v48, %v56, %v64, %v72 : vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>
      }
      %c16 = arith.constant 16 : i64
      %carried_3:4 = scf.for %i_3 = %v31 to %v29 step %c16 iter_args(%v75 = %carried_2#0, %v76 = %carried_2#1, %v77 = %carried_2#2, %v78 = %carried_2#3) -> (vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>) : i64 {
        %v80 = arith.muli %i_3, %c_12 : i64
        %v81 = arith.addi %v29, %v80 : i64
        %v82 = arith.cmpi slt, %v81, %c_9 : i64
        %v83 = arith.select %v82, %v81, %c_9 : i64
        %v84 = arith.addi %v33, %i_3 : i64
        %at_9 = arith.index_cast %v84 : i64 to index
        %at_10 = arith.index_cast %v83 : i64 to index
        %mask = vector.create_mask %at_10 : vector<16xi1>
        %zero = arith.constant dense<0.0> : vector<16xf32>
        %v89 = vector.maskedload %x[%at_9], %mask, %zero : memref<9990xf32>, vector<16xi1>, vector<16xf32> into vector<16xf32>
        %at_11 = arith.index_cast %v84 : i64 to index
        %at_12 = arith.index_cast %v83 : i64 to index
        %mask_2 = vector.create_mask %at_12 : vector<16xi1>
        %zero_2 = arith.constant dense<0.0> : vector<16xf32>
        %v94 = vector.maskedload %y[%at_11], %mask_2, %zero_2 : memref<9990xf32>, vector<16xi1>, vector<16xf32> into vector<16xf32>
        %v95 = arith.subf %v89, %v94 fastmath<contract> : vector<16xf32>
        %v96 = arith.mulf %v95, %v95 fastmath<contract> : vector<16xf32>
        %v97 = arith.trunci %v83 : i64 to i32
        %v98 = vector.broadcast %v97 : i32 to vector<16xi32>
        %v99 = arith.cmpi slt, %v20, %v98 : vector<16xi32>
        %v100 = arith.select %v99, %v96, %cst_2 : vector<16xi1>, vector<16xf32>
        %v101 = arith.addf %v75, %v100 fastmath<contract> : vector<16xf32>
        scf.yield %v101, %v76, %v77, %v78 : vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>
      }
      %v102 = arith.addf %carried_3#0, %carried_3#1 fastmath<contract> : vector<16xf32>
      %v103 = arith.addf %carried_3#2, %carried_3#3 fastmath<contract> : vector<16xf32>
      %v104 = arith.addf %v102, %v103 fastmath<contract> : vector<16xf32>
      %v105 = vector.extract_strided_slice %v104 {offsets = [0], sizes = [8], strides = [1]} : vector<16xf32> to vector<8xf32>
      %v106 = vector.extract_strided_slice %v104 {offsets = [8], sizes = [8], strides = [1]} : vector<16xf32> to vector<8xf32>
      %v107 = arith.addf %v105, %v106 fastmath<contract> : vector<8xf32>
      %v108 = vector.extract_strided_slice %v107 {offsets = [0], sizes = [4], strides = [1]} : vector<8xf32> to vector<4xf32>
      %v109 = vector.extract_strided_slice %v107 {offsets = [4], sizes = [4], strides = [1]} : vector<8xf32> to vector<4xf32>
      %v110 = arith.addf %v108, %v109 fastmath<contract> : vector<4xf32>
      %v111 = vector.extract %v110[0] : f32 from vector<4xf32>
      %v112 = vector.extract %v110[1] : f32 from vector<4xf32>
      %v113 = vector.extract %v110[2] : f32 from vector<4xf32>
      %v114 = vector.extract %v110[3] : f32 from vector<4xf32>
      %v115 = arith.addf %v111, %v113 fastmath<contract> : f32
      %v116 = arith.addf %v112, %v114 fastmath<contract> : f32
      %v117 = arith.addf %v115, %v116 fastmath<contract> : f32
      %v118 = arith.extf %v117 : f32 to f64
      %v119 = arith.addf %v23, %v118 fastmath<contract> : f64
      scf.yield %v119 : f64
    }
    %at_13 = arith.index_cast %core : i64 to index
    memref.store %carried, %partial[%at_13] : memref<2xf64>
    return
  }

  func.func private @finish(
      %partial: memref<2xf64> {llvm.noalias},
      %out: memref<1xf32> {llvm.noalias},
      %core: i64) {
    %cst = arith.constant dense<0.0> : vector<4xf64>
    %c = arith.constant 2 : i64
    %c_2 = arith.constant 0 : i64
    %at = arith.index_cast %c_2 : i64 to index
    %at_2 = arith.index_cast %c : i64 to index
    %mask = vector.create_mask %at_2 : vector<4xi1>
    %zero = arith.constant dense<0.0> : vector<4xf64>
    %v10 = vector.maskedload %partial[%at], %mask, %zero : memref<2xf64>, vector<4xi1>, vector<4xf64> into vector<4xf64>
    %v11 = arith.trunci %c : i64 to i32
    %v12 = arith.constant dense<[0, 1, 2, 3]> : vector<4xi32>
    %v13 = vector.broadcast %v11 : i32 to vector<4xi32>
    %v14 = arith.cmpi slt, %v12, %v13 : vector<4xi32>
    %v15 = arith.select %v14, %v10, %cst : vector<4xi1>, vector<4xf64>
    %v16 = arith.addf %cst, %v15 fastmath<contract> : vector<4xf64>
    %v17 = vector.extract %v16[0] : f64 from vector<4xf64>
    %v18 = vector.extract %v16[1] : f64 from vector<4xf64>
    %v19 = vector.extract %v16[2] : f64 from vector<4xf64>
    %v20 = vector.extract %v16[3] : f64 from vector<4xf64>
    %v21 = arith.addf %v17, %v19 fastmath<contract> : f64
    %v22 = arith.addf %v18, %v20 fastmath<contract> : f64
    %v23 = arith.addf %v21, %v22 fastmath<contract> : f64
    %cst_2 = arith.constant 9990.0 : f64
    %v25 = arith.divf %v23, %cst_2 : f64
    %v26 = arith.truncf %v25 : f64 to f32
    %at_3 = arith.index_cast %c_2 : i64 to index
    memref.store %v26, %out[%at_3] : memref<1xf32>
    return
  }

  func.func @launch_mse(%buffers: !llvm.ptr) -> i32 {
    %c1 = arith.constant 1 : i64
    %data2 = llvm.alloca %c1 x !llvm.array<4 x ptr> : (i64) -> !llvm.ptr
    %fixed3 = arith.constant 64 : i64
    %block4 = func.call @take_block(%fixed3) : (i64) -> !llvm.ptr
    %block_address = llvm.ptrtoint %block4 : !llvm.ptr to i64
    %nowhere = arith.constant 0 : i64
    %allocated = arith.cmpi ne, %block_address, %nowhere : i64
    %status = scf.if %allocated -> (i32) {
      %at5 = llvm.getelementptr %buffers[0] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
      %p6 = llvm.load %at5 : !llvm.ptr -> !llvm.ptr
      %at7 = llvm.getelementptr %data2[0] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
      llvm.store %p6, %at7 : !llvm.ptr, !llvm.ptr
      %at8 = llvm.getelementptr %buffers[1] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
      %p9 = llvm.load %at8 : !llvm.ptr -> !llvm.ptr
      %at10 = llvm.getelementptr %data2[1] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
      llvm.store %p9, %at10 : !llvm.ptr, !llvm.ptr
      %at11 = llvm.getelementptr %buffers[2] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
      %p12 = llvm.load %at11 : !llvm.ptr -> !llvm.ptr
      %at13 = llvm.getelementptr %data2[2] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
      llvm.store %p12, %at13 : !llvm.ptr, !llvm.ptr
      %p14 = llvm.getelementptr %block4[64] : (!llvm.ptr) -> !llvm.ptr, i8
      %at15 = llvm.getelementptr %data2[3] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
      llvm.store %p14, %at15 : !llvm.ptr, !llvm.ptr
      %thread16 = arith.constant 0 : i64
      %at17 = llvm.getelementptr %data2[0] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
      %p18 = llvm.load %at17 : !llvm.ptr -> !llvm.ptr
      %d19 = llvm.mlir.poison : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
      %d20 = llvm.insertvalue %p18, %d19[0] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
      %d21 = llvm.insertvalue %p18, %d20[1] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
      %m22 = builtin.unrealized_conversion_cast %d21 : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)> to memref<9990xf32>
      %at23 = llvm.getelementptr %data2[1] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
      %p24 = llvm.load %at23 : !llvm.ptr -> !llvm.ptr
      %d25 = llvm.mlir.poison : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
      %d26 = llvm.insertvalue %p24, %d25[0] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
      %d27 = llvm.insertvalue %p24, %d26[1] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
      %m28 = builtin.unrealized_conversion_cast %d27 : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)> to memref<9990xf32>
      %at29 = llvm.getelementptr %data2[3] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
      %p30 = llvm.load %at29 : !llvm.ptr -> !llvm.ptr
      %d31 = llvm.mlir.poison : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
      %d32 = llvm.insertvalue %p30, %d31[0] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
      %d33 = llvm.insertvalue %p30, %d32[1] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
      %m34 = builtin.unrealized_conversion_cast %d33 : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)> to memref<2xf64>
      %c35 = arith.constant 1 : i64
      %cores36 = arith.constant 2 : i64
      scf.for %core36 = %thread16 to %cores36 step %c35 : i64 {
        func.call @partial_sums(%m22, %m28, %m34, %core36) : (memref<9990xf32>, memref<9990xf32>, memref<2xf64>, i64) -> ()
      }
      %thread37 = arith.constant 0 : i64
      %at38 = llvm.getelementptr %data2[3] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
      %p39 = llvm.load %at38 : !llvm.ptr -> !llvm.ptr
      %d40 = llvm.mlir.poison : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
      %d41 = llvm.insertvalue %p39, %d40[0] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
      %d42 = llvm.insertvalue %p39, %d41[1] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
      %m43 = builtin.unrealized_conversion_cast %d42 : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)> to memref<2xf64>
      %at44 = llvm.getelementptr %data2[2] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
      %p45 = llvm.load %at44 : !llvm.ptr -> !llvm.ptr
      %d46 = llvm.mlir.poison : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
      %d47 = llvm.insertvalue %p45, %d46[0] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
      %d48 = llvm.insertvalue %p45, %d47[1] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
      %m49 = builtin.unrealized_conversion_cast %d48 : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)> to memref<1xf32>
      func.call @finish(%m43, %m49, %thread37) : (memref<2xf64>, memref<1xf32>, i64) -> ()
      func.call @give_block(%block4) : (!llvm.ptr) -> ()
      %ok = arith.constant 0 : i32
      scf.yield %ok : i32
    } else {
      %bad = arith.constant 1 : i32
      scf.yield %bad : i32
    }
    return %status : i32
  }
}
